/** A forgotten password: a mailed link that works once, for half an hour. */
import * as z from "zod";
import type { App } from "../app.ts";
import { later, MINUTE_MS } from "../clock.ts";
import { sql } from "../db/port.ts";
import { newMailedToken } from "./mailed-token.ts";
import { hashPassword } from "./password.ts";
import { tokenHash } from "./secrets.ts";

const lifeMs = 30 * MINUTE_MS;

/** Mails a link to the account of this e-mail; without one the work is the same, and nothing is mailed. */
export async function askForReset(
  app: Pick<App, "db" | "env" | "clock" | "newId" | "visit">,
  email: string,
): Promise<void> {
  const now = app.clock();
  const { id, hash } = newMailedToken(app);
  await app.db.query(
    sql`select ask_for_token(${now}::timestamptz, ${app.visit}::jsonb, 'password_reset', ${email}, ${id}, ${hash}::bytea,
      ${later(now, lifeMs)}::timestamptz)`,
    z.unknown(),
  );
}

export type ResetOutcome =
  { readonly kind: "reset"; readonly email: string } | { readonly kind: "invalid_link" };

/** Sets the password and ends every session. The link is used up by the first of any number of tries. */
export async function resetPassword(
  app: Pick<App, "db" | "clock" | "visit">,
  token: string,
  password: string,
): Promise<ResetOutcome> {
  // Hashed before the link is looked at: a wrong link costs as much as a right one.
  const passwordHash = await hashPassword(password);
  const { email } = await app.db.one(
    sql`select reset_password(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${tokenHash(token)}::bytea,
      ${passwordHash}) as email`,
    z.object({ email: z.string().nullable() }),
  );
  return email === null ? { kind: "invalid_link" } : { kind: "reset", email };
}
