/** How Stripe words the statuses that a test plans as faults. */
import { Refusal } from "./errors.ts";

export function refusalOfStatus(status: number): Refusal {
  if (status === 429) {
    return new Refusal("invalid_request_error", "Request rate limit exceeded. Please retry after a while.", {
      status,
      code: "rate_limit",
    });
  }
  if (status === 409) {
    return new Refusal(
      "invalid_request_error",
      "This object cannot be accessed right now because another API request or Stripe process is currently accessing it.",
      { status, code: "lock_timeout" },
    );
  }
  if (status >= 500) {
    return new Refusal(
      "api_error",
      "Sorry! There was an error while talking to one of our backends. Support has been notified.",
      { status },
    );
  }
  return new Refusal("invalid_request_error", `Refused with status ${status}, as planned.`, { status });
}
