/** An account and its session by SQL alone, as cascade_app: for tests of what the database itself guards. */
import { createHash } from "node:crypto";
import type pg from "pg";

export async function openAccount(app: pg.Client, account: string, session: string): Promise<void> {
  const hash = (of: string) => createHash("sha256").update(of).digest("hex");
  const expiresAt = "2100-01-01";
  const token = { id: account.replace("acc_", "tok_"), hash: hash(account), expiresAt };
  await app.query("select sign_up(now(), '{}', $1, $2, 'hash', 'RialtoBanker', $3)", [
    account,
    `${account}@example.com`,
    token,
  ]);
  await app.query("select complete_sign_in(now(), '{}', $1, 'hash', null, $2)", [
    account,
    { id: session, refreshHash: hash(session), expiresAt },
  ]);
}
