/** Checks e-mail and password, with the same work for a known and an unknown e-mail. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import { nobodysHash, verifyPassword } from "./password.ts";
import { issueSession, type IssuedSession } from "./session.ts";
import type { Account } from "./sign-up.ts";

export type SignInOutcome =
  | { readonly kind: "signed_in"; readonly session: IssuedSession; readonly account: Account }
  | { readonly kind: "invalid_credentials" };

const loginRow = z.object({
  id: z.string(),
  email: z.string(),
  citizen: z.string(),
  password_hash: z.string(),
});

/** Count the attempt first (attempts.ts). @throws Unavailable */
export async function signIn(
  app: Pick<App, "db" | "env" | "clock">,
  email: string,
  password: string,
): Promise<SignInOutcome> {
  const [found] = await app.db.query(sql`select * from find_login(${email})`, loginRow);
  const matches = await verifyPassword(password, found?.password_hash ?? nobodysHash);
  if (!found || !matches) return { kind: "invalid_credentials" };
  const session = await issueSession(app.env, found.id, app.clock());
  return {
    kind: "signed_in",
    session,
    account: { id: found.id, email: found.email, citizen: found.citizen },
  };
}

/** The account behind a session; null when it is no more. */
export async function findAccount(app: Pick<App, "db">, accountId: string): Promise<Account | null> {
  const [found] = await app.db.query(
    sql`select * from find_account(${accountId})`,
    loginRow.omit({ password_hash: true }),
  );
  return found ?? null;
}
