/** What Airtable answers when it refuses, in its own envelopes. */

/** Thrown anywhere below the routes; the app writes `status` and `body` as they are. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, type: string, message?: string) {
    super(message ?? type);
    this.status = status;
    // A record or route that is not there is answered with the bare word, everything else with type and message.
    this.body = message === undefined ? { error: type } : { error: { type, message } };
  }
}

export const notFound = () => new Refusal(404, "NOT_FOUND");

export const authenticationRequired = () =>
  new Refusal(401, "AUTHENTICATION_REQUIRED", "Authentication required");

export const modelNotFound = () =>
  new Refusal(
    403,
    "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
    "Invalid permissions, or the requested model was not found. Check that both your user and your token have the required permissions, and that the model names and/or ids are correct.",
  );

export const unknownField = (name: string) =>
  new Refusal(422, "UNKNOWN_FIELD_NAME", `Unknown field name: "${name}"`);

export const invalidValue = (field: string) =>
  new Refusal(422, "INVALID_VALUE_FOR_COLUMN", `Field "${field}" cannot accept the provided value`);

export const computedField = (field: string) =>
  new Refusal(
    422,
    "INVALID_VALUE_FOR_COLUMN",
    `Field "${field}" cannot accept a value because the field is computed`,
  );

export const unparsableDate = (field: string, value: string) =>
  new Refusal(422, "INVALID_VALUE_FOR_COLUMN", `Cannot parse date value "${value}" for field ${field}`);

export const unknownOption = (option: string) =>
  new Refusal(
    422,
    "INVALID_MULTIPLE_CHOICE_OPTIONS",
    `Insufficient permissions to create new select option ""${option}""`,
  );

export const invalidFormula = (why: string) =>
  new Refusal(422, "INVALID_FILTER_BY_FORMULA", `The formula for filtering records is invalid: ${why}`);

export const invalidRequest = (why?: string) =>
  new Refusal(
    422,
    "INVALID_REQUEST_UNKNOWN",
    `Invalid request: parameter validation failed. Check your request data.${why === undefined ? "" : ` (${why})`}`,
  );

export const invalidRecords = (message: string) => new Refusal(422, "INVALID_RECORDS", message);

/** Airtable's 429 has an envelope of its own. */
export const RATE_LIMITED = {
  errors: [{ error: "RATE_LIMIT_REACHED", message: "Rate limit exceeded. Please try again later" }],
};
