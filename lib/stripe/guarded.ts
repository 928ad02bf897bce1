/** A call to Stripe: what the SDK gave up on after its own retries is a service that is away. */
import { Unavailable } from "../errors.ts";

/** The rest is our mistake and stays thrown. */
export async function guarded<T>(call: () => Promise<T>): Promise<T> {
  const { default: Sdk } = await import("stripe");
  try {
    return await call();
  } catch (error) {
    if (
      error instanceof Sdk.errors.StripeConnectionError ||
      error instanceof Sdk.errors.StripeAPIError ||
      error instanceof Sdk.errors.StripeRateLimitError ||
      (error instanceof Sdk.errors.StripeError && error.statusCode === 409)
    )
      throw new Unavailable("stripe", { effect: "unknown", cause: error });
    throw error;
  }
}
