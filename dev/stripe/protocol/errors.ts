/** Refusals in Stripe's envelope: `{error: {type, code, message, param, …}}`. */

export type ErrorType = "api_error" | "card_error" | "idempotency_error" | "invalid_request_error";

export type RefusalDetails = {
  readonly param?: string;
  readonly code?: string;
  /** The bank's reason for a declined card. */
  readonly declineCode?: string | undefined;
  readonly status?: number;
};

/** Thrown anywhere below a route; the protocol turns it into an answer. */
export class Refusal extends Error {
  readonly status: number;
  readonly type: ErrorType;
  readonly code: string | undefined;
  readonly declineCode: string | undefined;
  readonly param: string | undefined;

  constructor(type: ErrorType, message: string, details: RefusalDetails = {}) {
    super(message);
    this.name = "Refusal";
    this.type = type;
    this.status = details.status ?? 400;
    this.code = details.code;
    this.declineCode = details.declineCode;
    this.param = details.param;
  }
}

export function invalid(message: string, details: RefusalDetails = {}): Refusal {
  return new Refusal("invalid_request_error", message, details);
}

export function missing(param: string): Refusal {
  return invalid(`Missing required param: ${param}.`, { param, code: "parameter_missing" });
}

/** A resource asked for by its address; the parameter is called as that resource's address calls it. */
export function noSuch(what: string, id: string, param = "id"): Refusal {
  return invalid(`No such ${what}: '${id}'`, { param, code: "resource_missing", status: 404 });
}

/** A resource named by a parameter. */
export function noSuchIn(param: string, what: string, id: string): Refusal {
  return invalid(`No such ${what}: '${id}'`, { param, code: "resource_missing" });
}

export function onlyOneOf(...params: [string, ...string[]]): Refusal {
  return invalid(`You may only specify one of these parameters: ${params.join(", ")}.`, { param: params[0] });
}

/** The API has it, this stand-in does not: said aloud, because passing over it would be a lie. */
export function unsupported(message: string, param?: string): Refusal {
  return invalid(`This stand-in does not implement ${message}.`, {
    code: "stand_in_unsupported",
    ...(param === undefined ? {} : { param }),
  });
}

export function envelope(refusal: Refusal, requestId: string): { error: Record<string, unknown> } {
  return {
    error: {
      ...(refusal.code === undefined
        ? {}
        : {
            code: refusal.code,
            doc_url: `https://stripe.com/docs/error-codes/${refusal.code.replaceAll("_", "-")}`,
          }),
      ...(refusal.declineCode === undefined ? {} : { decline_code: refusal.declineCode }),
      message: refusal.message,
      ...(refusal.param === undefined ? {} : { param: refusal.param }),
      request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}`,
      type: refusal.type,
    },
  };
}
