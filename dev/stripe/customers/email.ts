/** Which text Stripe takes for an e-mail address. */
import { invalid } from "../protocol/errors.ts";

export function refuseBadEmail(email: string, param: string): void {
  if (isEmail(email)) return;
  throw invalid(`Invalid email address: ${email}`, { param, code: "email_invalid" });
}

export function isEmail(text: string): boolean {
  return text.length <= 512 && /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(text);
}
