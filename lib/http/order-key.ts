/** The client's key for one order: its header, or for a plain form the same form within the same minute. */
import { createHash } from "node:crypto";
import { MINUTE_MS } from "../clock.ts";

const longest = 200;

/** Undefined when a client that can send headers sent none. */
export function orderKey(request: Request, form: boolean, rawBody: string, now: Date): string | undefined {
  const given = request.headers.get("idempotency-key")?.trim();
  if (given) return given.length <= longest ? given : digest(given);
  if (!form) return undefined;
  // A form without JavaScript has no key of its own: a double click falls into one minute.
  const minute = Math.floor(now.getTime() / MINUTE_MS);
  return `form-${minute}-${digest(rawBody)}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
