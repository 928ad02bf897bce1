/** What Resend answers when it refuses: `{statusCode, name, message}`. */

export class Refusal extends Error {
  override name = "Refusal";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  get body(): { statusCode: number; name: string; message: string } {
    return { statusCode: this.status, name: this.code, message: this.message };
  }
}

export const REFUSALS = {
  missingKey: () => new Refusal(401, "missing_api_key", "Missing API key in the authorization header."),
  invalidKey: () => new Refusal(403, "invalid_api_key", "API key is invalid."),
  unknownRoute: () => new Refusal(404, "not_found", "The requested endpoint does not exist."),
  wrongMethod: () =>
    new Refusal(405, "method_not_allowed", "This endpoint does not support the specified HTTP method."),
  idempotencyKey: () => new Refusal(400, "invalid_idempotency_key", "The key must be between 1-256 chars."),
  otherPayload: () =>
    new Refusal(
      409,
      "invalid_idempotent_request",
      "This idempotency key has been used on a request that had a different payload.",
    ),
  tooMany: () =>
    new Refusal(
      429,
      "rate_limit_exceeded",
      "Too many requests. Please limit the number of requests per second.",
    ),
  unverifiedDomain: (domain: string) =>
    new Refusal(
      403,
      "validation_error",
      `The ${domain} domain is not verified. Please, add and verify your domain on https://resend.com/domains`,
    ),
} as const;

export const missingField = (field: string) =>
  new Refusal(422, "missing_required_field", `Missing \`${field}\` field.`);

export const invalidField = (field: string, why: string) =>
  new Refusal(422, "validation_error", `Invalid \`${field}\` field. ${why}`);

export const invalidFrom = (why: string) =>
  new Refusal(422, "invalid_from_address", `Invalid \`from\` field. ${why}`);
