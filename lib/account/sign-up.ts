/** Opens an account, and asks for its e-mail to be verified. */
import * as z from "zod";
import type { App } from "../app.ts";
import { later } from "../clock.ts";
import { sql } from "../db/port.ts";
import type { Account } from "./account.ts";
import { newMailedToken } from "./mailed-token.ts";
import { hashPassword } from "./password.ts";
import { verificationMs } from "./verify-email.ts";

export type SignUp = { readonly email: string; readonly password: string; readonly citizen: string };

export type SignUpOutcome =
  | { readonly kind: "created"; readonly account: Account }
  | { readonly kind: "email_taken" | "unknown_citizen" };

/** The citizen must exist in Venice under exactly this name. @throws Unavailable */
export async function signUp(
  app: Pick<App, "db" | "venice" | "clock" | "newId" | "env" | "visit">,
  input: SignUp,
): Promise<SignUpOutcome> {
  const { email, password, citizen } = input;
  // Airtable compares as the formula does; the name itself must be the same, letter by letter.
  if (!(await app.venice.purses([citizen])).has(citizen)) return { kind: "unknown_citizen" };
  const now = app.clock();
  const id = app.newId("acc");
  const passwordHash = await hashPassword(password);
  const verification = newMailedToken(app);
  const token = JSON.stringify({
    id: verification.id,
    hash: Buffer.from(verification.hash).toString("hex"),
    expiresAt: later(now, verificationMs).toISOString(),
  });
  const { outcome } = await app.db.one(
    sql`select sign_up(${now}::timestamptz, ${app.visit}::jsonb, ${id}, ${email}, ${passwordHash}, ${citizen},
      ${token}::jsonb) as outcome`,
    z.object({ outcome: z.enum(["created", "email_taken"]) }),
  );
  if (outcome === "email_taken") return { kind: outcome };
  const account = {
    id,
    email,
    emailVerified: false,
    citizen,
    citizenProved: false,
    role: "customer" as const,
  };
  return { kind: "created", account };
}
