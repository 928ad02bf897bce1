/** Who may ask: a bearer token or a basic user name, equal to the key the stand-in was started with. */
import type { Context } from "hono";
import { invalid, type Refusal } from "./errors.ts";

/** @throws Refusal 401 when the key is missing or another one. */
export function authenticate(context: Context, apiKey: string): void {
  const given = keyIn(context.req.header("authorization"));
  if (given === undefined || given === "") {
    throw unauthorized(
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth " +
        "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, " +
        "or we can help at https://support.stripe.com/.",
    );
  }
  if (given !== apiKey) throw unauthorized(`Invalid API Key provided: ${masked(given)}`);
}

/** @throws Error for a key that could move real money, or none at all. */
export function refuseRealKeys(apiKey: string, environment: string | undefined): void {
  if (environment === "production")
    throw new Error("The Stripe stand-in does not run with NODE_ENV=production.");
  if (!/^sk_test_[A-Za-z0-9_]+$/.test(apiKey)) {
    throw new Error(
      "The Stripe stand-in takes a test key only: sk_test_ and letters, digits or underscores.",
    );
  }
}

function keyIn(header: string | undefined): string | undefined {
  const [scheme = "", value = ""] = header?.split(" ", 2) ?? [];
  if (/^bearer$/i.test(scheme)) return value;
  if (/^basic$/i.test(scheme)) return Buffer.from(value, "base64").toString("utf8").split(":", 1)[0];
  return undefined;
}

function masked(key: string): string {
  return key.length <= 12
    ? "*".repeat(key.length)
    : `${key.slice(0, 8)}${"*".repeat(key.length - 12)}${key.slice(-4)}`;
}

function unauthorized(message: string): Refusal {
  return invalid(message, { status: 401 });
}
