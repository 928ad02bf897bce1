/** Opens an account. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import { hashPassword } from "./password.ts";

export type Account = { readonly id: string; readonly email: string; readonly citizen: string };

export type SignUp = { readonly email: string; readonly password: string; readonly citizen: string };

export type SignUpOutcome =
  | { readonly kind: "created"; readonly account: Account }
  | { readonly kind: "email_taken" | "unknown_citizen" };

/** The citizen must exist in Venice under exactly this name. @throws Unavailable */
export async function signUp(
  app: Pick<App, "db" | "venice" | "clock" | "newId">,
  input: SignUp,
): Promise<SignUpOutcome> {
  const { email, password, citizen } = input;
  // Airtable compares as the formula does; the name itself must be the same, letter by letter.
  if (!(await app.venice.purses([citizen])).has(citizen)) return { kind: "unknown_citizen" };
  const id = app.newId("acc");
  const passwordHash = await hashPassword(password);
  const { outcome } = await app.db.one(
    sql`select sign_up(${app.clock()}::timestamptz, ${id}, ${email}, ${passwordHash}, ${citizen}) as outcome`,
    z.object({ outcome: z.enum(["created", "email_taken"]) }),
  );
  return outcome === "created"
    ? { kind: "created", account: { id, email, citizen } }
    : { kind: "email_taken" };
}
