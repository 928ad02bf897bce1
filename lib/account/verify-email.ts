/** Verifies that the account's owner reads its mailbox: by a mailed link, within a day. */
import * as z from "zod";
import type { App } from "../app.ts";
import { DAY_MS, later } from "../clock.ts";
import { sql } from "../db/port.ts";
import { newMailedToken } from "./mailed-token.ts";
import { tokenHash } from "./secrets.ts";

export const verificationMs = DAY_MS;

/** Mails a link to an account that isn't verified; for every other address the work is the same, and nothing is mailed. */
export async function askForVerification(
  app: Pick<App, "db" | "env" | "clock" | "newId" | "visit">,
  email: string,
): Promise<void> {
  const now = app.clock();
  const { id, hash } = newMailedToken(app);
  await app.db.query(
    sql`select ask_for_token(${now}::timestamptz, ${app.visit}::jsonb, 'verification', ${email}, ${id}, ${hash}::bytea,
      ${later(now, verificationMs)}::timestamptz)`,
    z.unknown(),
  );
}

/** `verified` also for a link that is opened again. */
export async function verifyEmail(app: Pick<App, "db" | "clock" | "visit">, token: string) {
  const { outcome } = await app.db.one(
    sql`select verify_email(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${tokenHash(token)}::bytea) as outcome`,
    z.object({ outcome: z.enum(["verified", "invalid"]) }),
  );
  return outcome;
}
