/** Making, listing and revoking an account's API keys. */
import * as z from "zod";
import type { App } from "../app.ts";
import { tiers } from "../catalog/tiers.ts";
import { DAY_MS, later } from "../clock.ts";
import { sql } from "../db/port.ts";
import { timeColumn } from "../db/columns.ts";
import { newApiKey } from "./api-key.ts";
import type { Caller } from "./caller.ts";

export type ApiKey = {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly scopes: string[];
  readonly createdAt: string;
  /** Null: it works until it is revoked. */
  readonly expiresAt: string | null;
};

type Made = { readonly apiKey: ApiKey; readonly key: string };

export type CreateKeyOutcome =
  ({ readonly kind: "created" } & Made) | { readonly kind: "limit" | "not_verified" | "unauthorised" };

export type KeyWish = {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresInDays?: number | undefined;
};

type Ports = Pick<App, "db" | "env" | "clock" | "newId" | "visit">;

export async function createKey(app: Ports, sessionId: string, wish: KeyWish): Promise<CreateKeyOutcome> {
  const { key, hint, hash } = newApiKey(app.env);
  const id = app.newId("key");
  const now = app.clock();
  const { name, scopes, expiresInDays } = wish;
  const expiresAt = expiresInDays === undefined ? null : later(now, expiresInDays * DAY_MS);
  const limits = JSON.stringify(Object.fromEntries(tiers.map((tier) => [tier.id, tier.apiKeys])));
  const { outcome } = await app.db.one(
    sql`select create_api_key(${now}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${id}, ${name}, ${hint},
      ${hash}::bytea, ${scopes}::text[], ${expiresAt}::timestamptz, ${limits}::jsonb) as outcome`,
    z.object({ outcome: z.enum(["created", "limit", "not_verified", "unauthorised"]) }),
  );
  if (outcome !== "created") return { kind: outcome };
  const times = { createdAt: now.toISOString(), expiresAt: expiresAt?.toISOString() ?? null };
  return { kind: "created", key, apiKey: { id, name, hint, scopes: [...scopes], ...times } };
}

const rerolledColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["not_found", "ended", "unauthorised"]) }),
  z.object({
    kind: z.literal("rerolled"),
    name: z.string(),
    scopes: z.array(z.string()),
    expiresAt: timeColumn.nullable(),
  }),
]);

export type RerollOutcome =
  ({ readonly kind: "rerolled" } & Made) | { readonly kind: "not_found" | "ended" | "unauthorised" };

/** A new secret with the key's name, scopes and end; the old one goes on working for `overlapDays`, 0 ends it now. */
export async function rerollKey(
  app: Ports,
  sessionId: string,
  keyId: string,
  overlapDays: number,
): Promise<RerollOutcome> {
  const { key, hint, hash } = newApiKey(app.env);
  const id = app.newId("key");
  const now = app.clock();
  const { outcome } = await app.db.one(
    sql`select reroll_api_key(${now}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${keyId}, ${id}, ${hint},
      ${hash}::bytea, ${later(now, overlapDays * DAY_MS)}::timestamptz) as outcome`,
    z.object({ outcome: rerolledColumn }),
  );
  if (outcome.kind !== "rerolled") return outcome;
  const { name, scopes, expiresAt } = outcome;
  return {
    kind: "rerolled",
    key,
    apiKey: { id, name, hint, scopes, createdAt: now.toISOString(), expiresAt },
  };
}

const keysColumn = z.array(
  z.object({
    id: z.string(),
    name: z.string(),
    hint: z.string(),
    scopes: z.array(z.string()),
    createdAt: timeColumn,
    expiresAt: timeColumn.nullable(),
    lastUsedAt: timeColumn.nullable(),
    revokedAt: timeColumn.nullable(),
    replacedBy: z.string().nullable(),
  }),
);

/** The newest first; the ended ones stay listed. Null when the session has ended. */
export async function listKeys(app: Pick<App, "db" | "clock">, sessionId: string) {
  const { keys } = await app.db.one(
    sql`select list_api_keys(${app.clock()}::timestamptz, ${sessionId}) as keys`,
    z.object({ keys: keysColumn.nullable() }),
  );
  return keys;
}

/** Revoking again changes nothing. `not_found`: the account has no such key. */
export async function revokeKey(app: Pick<App, "db" | "clock" | "visit">, sessionId: string, keyId: string) {
  const { outcome } = await app.db.one(
    sql`select revoke_api_key(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${keyId}) as outcome`,
    z.object({ outcome: z.enum(["revoked", "not_found", "unauthorised"]) }),
  );
  return outcome;
}

/** Writes down that a key was used: after the answer, and not more often than each quarter of an hour. */
export async function touchKey(
  app: Pick<App, "db" | "clock">,
  caller: Caller,
  seenLongAgo: boolean,
): Promise<void> {
  if (caller.kind !== "key" || !seenLongAgo) return;
  await app.db.query(
    sql`select touch_api_key(${app.clock()}::timestamptz, ${caller.hash}::bytea)`,
    z.unknown(),
  );
}
