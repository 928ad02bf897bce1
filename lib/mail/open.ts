/** Mail by whichever way the operator has set up: a mail server, or Resend. */
import type { Core } from "../app.ts";
import type { Mail } from "./port.ts";
import { resend } from "./resend.ts";
import { smtp } from "./smtp.ts";

/** Undefined where the operator has set neither up. */
export function mail({ env, trips }: Pick<Core, "env" | "trips">): Mail | undefined {
  const { SMTP_URL: url, RESEND_API_KEY: apiKey, MAIL_API_BASE: base, MAIL_FROM: from } = env;
  if (!from) return undefined;
  if (url) return smtp({ url, from }, trips);
  if (apiKey) return resend({ apiKey, base, from }, trips);
  return undefined;
}
