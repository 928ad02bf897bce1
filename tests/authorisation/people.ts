/** People with everything an account can have, planted as the owner: a test may use up as many as it likes. */
import { createHash, randomBytes } from "node:crypto";
import { issueAccessToken } from "../../lib/account/access-token.ts";
import type { Account } from "../../lib/account/account.ts";
import { newApiKey, SCOPES } from "../../lib/account/api-key.ts";
import { hashPassword } from "../../lib/account/password.ts";
import { randomId, randomText } from "../../lib/ids.ts";
import { giveTier } from "../support/subscribing.ts";
import { password, type World } from "../support/world.ts";

export type Session = { readonly id: string; readonly token: string; readonly refreshToken: string };

export type Person = {
  readonly id: string;
  readonly email: string;
  /** The one the person calls with; `idle` is another device's. */
  readonly session: Session;
  readonly idle: Session;
  readonly key: Key;
  readonly passkeyId: string;
  readonly letterId: string;
  /** One that was never paid. */
  readonly purchaseId: string;
  /** One that waits for a person. */
  readonly deliveryId: string;
};

export type Key = { readonly id: string; readonly key: string };

let hashed: Promise<string> | undefined;

export async function plantPerson(
  world: World,
  wish: { role?: Account["role"]; verified?: boolean; citizen?: string } = {},
): Promise<Person> {
  const { role = "customer", verified = true, citizen = "RialtoBanker" } = wish;
  const { database } = world;
  const id = randomId("acc");
  const email = `${randomText(12)}@example.com`;
  const passkeyId = randomBytes(16).toString("base64url");
  hashed ??= hashPassword(password);
  await database.rows(
    `insert into accounts (id, email, password_hash, citizen, created_at, role, email_verified_at)
     values ($1, $2, $3, $4, now(), $5, case when $6 then now() end)`,
    [id, email, await hashed, citizen, role, verified],
  );
  await database.rows("insert into balances (account_id) values ($1)", [id]);
  await giveTier(database, id, "builder");
  await database.rows("update accounts set told_tier = 'builder' where id = $1", [id]);
  await database.rows(
    `insert into passkeys (id, account_id, name, public_key, counter, transports, synced, created_at)
     values ($1, $2, 'Passkey', 'key', 1, '{}', false, now())`,
    [passkeyId, id],
  );
  const purchaseId = randomId("pur");
  await database.rows(
    `insert into purchases (id, account_id, citizen, deliver_to, idempotency_key, request_hash, amount_cents, livemode,
       base_millis, bonus_millis, micro_usd_per_ducat, status, attempt, opened_at)
     values ($1, $2, $3, 'wallet', 'planted', 'hash', 1000, false, 100000, 0, 100000, 'expired', 1, now())`,
    [purchaseId, id, citizen],
  );
  const deliveryId = randomId("dlv");
  for (const [what, legs] of [
    ["planted", "('wallet', $1, 10000)::leg, ('issuance', null, -10000)::leg"],
    ["send", "('wallet', $1, -1000)::leg, ('transit', $1, 1000)::leg"],
  ] as const)
    await database.rows(`select post(now(), $2, 'planted', array[${legs}])`, [id, `${what}:${deliveryId}`]);
  await database.rows(
    `insert into deliveries (id, account_id, citizen, millis, status, next_at, created_at, concluded_at)
     values ($1, $2, $3, 1000, 'uncertain', now(), now(), now())`,
    [deliveryId, id, citizen],
  );
  return {
    ...{ id, email, passkeyId, purchaseId, deliveryId },
    session: await plantSession(world, id),
    idle: await plantSession(world, id),
    key: await plantKey(world, id),
    letterId: await plantLetter(world, id),
  };
}

export async function plantSession(world: World, accountId: string): Promise<Session> {
  const id = randomId("ses");
  const refreshToken = randomBytes(32).toString("base64url");
  const refreshHash = createHash("sha256").update(refreshToken).digest("hex");
  await world.database.rows("select start_session(now(), '{}', $1, 'password', $2)", [
    accountId,
    JSON.stringify({ id, refreshHash, expiresAt: "2100-01-01" }),
  ]);
  const env = { JWT_SECRET_KEY: process.env["JWT_SECRET_KEY"] ?? "" };
  const { token } = await issueAccessToken(env, { sessionId: id, accountId }, new Date());
  return { id, token, refreshToken };
}

export async function plantKey(
  world: World,
  accountId: string,
  { scopes = SCOPES, revoked = false }: { scopes?: readonly string[]; revoked?: boolean } = {},
): Promise<Key> {
  const id = randomId("key");
  const { key, hint, hash } = newApiKey({ STRIPE_SECRET_KEY: "sk_test_planted" });
  await world.database.rows(
    `insert into api_keys (id, account_id, name, hint, hash, scopes, created_at, revoked_at)
     values ($1, $2, 'planted', $3, $4, $5, now(), case when $6 then now() end)`,
    [id, accountId, hint, hash, scopes, revoked],
  );
  return { id, key };
}

/** One that was sent. */
export async function plantLetter(world: World, accountId: string): Promise<string> {
  const [row] = await world.database.rows<{ id: string }>(
    `insert into letters (kind, object, account_id, data, state, next_at, created_at, ended_at)
     values ('low_balance', $1, $2, '{"walletMillis": 1}', 'sent', now(), now(), now()) returning 'let_' || id as id`,
    [randomText(20), accountId],
  );
  if (!row) throw new Error("no letter");
  return row.id;
}

const tables = [
  "balances",
  "api_keys",
  "sessions",
  "passkeys",
  "letters",
  "purchases",
  "deliveries",
  "mailed_tokens",
  "challenges",
  "usage_events",
  "audit_log",
];

/** All that is stored of somebody. */
export async function belongings(world: World, accountId: string): Promise<unknown> {
  const rowsOf = (table: string) =>
    `'${table}', (select jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text) from ${table} t where account_id = $1)`;
  const [row] = await world.database.rows(
    `select jsonb_build_object('account', (select to_jsonb(a) from accounts a where id = $1),
       ${tables.map(rowsOf).join(", ")}) as all`,
    [accountId],
  );
  return row?.["all"];
}
