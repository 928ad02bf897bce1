/** Checks e-mail and password, with the same work for a known and an unknown e-mail, and opens a session. */
import * as z from "zod";
import type { App } from "../app.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { accountColumn, type Account } from "./account.ts";
import { nobodysHash, verifyPassword } from "./password.ts";
import { newSession, tokensOf, type NewSession, type Tokens } from "./sessions.ts";

export type SignedIn = { readonly kind: "signed_in"; readonly account: Account; readonly tokens: Tokens };

export type SignInOutcome =
  | SignedIn
  | { readonly kind: "invalid_credentials" }
  /** Too many wrong passwords: no password is looked at before then. */
  | { readonly kind: "locked"; readonly until: Date };

type Ports = Pick<App, "db" | "env" | "clock" | "newId" | "visit">;

export type Credentials = {
  readonly email: string;
  readonly password: string;
  /** The device's id when it signed in to this e-mail before. */
  readonly device: string | null;
};

const begunRow = z.object({
  locked_until: timeColumn.nullable(),
  account_id: z.string().nullable(),
  password_hash: z.string().nullable(),
});

/** Count the attempt first (attempts.ts). @throws Unavailable */
export async function signIn(app: Ports, { email, password, device }: Credentials): Promise<SignInOutcome> {
  const now = app.clock();
  const begun = await app.db.one(
    sql`select * from begin_sign_in(${now}::timestamptz, ${email}, ${device})`,
    begunRow,
  );
  if (begun.locked_until !== null) return { kind: "locked", until: new Date(begun.locked_until) };
  const matches = await verifyPassword(password, begun.password_hash ?? nobodysHash);
  if (begun.account_id === null || !matches) {
    await app.db.query(
      sql`select fail_sign_in(${now}::timestamptz, ${app.visit}::jsonb, ${email}, ${device})`,
      z.unknown(),
    );
    return { kind: "invalid_credentials" };
  }
  const session = newSession(app);
  const { account } = await app.db.one(
    sql`select complete_sign_in(${now}::timestamptz, ${app.visit}::jsonb, ${begun.account_id}, ${begun.password_hash},
      ${device}, ${session.row}::jsonb) as account`,
    completedRow,
  );
  return account === null ? { kind: "invalid_credentials" } : await signedIn(app, account, session);
}

/** What every way of signing in ends with: the account, or null when the proof no longer holds. */
export const completedRow = z.object({ account: accountColumn.nullable() });

export async function signedIn(
  app: Pick<App, "env" | "clock">,
  account: Account,
  session: NewSession,
): Promise<SignedIn> {
  const tokens = await tokensOf(app, { sessionId: session.id, accountId: account.id }, session.refreshToken);
  return { kind: "signed_in", account, tokens };
}
