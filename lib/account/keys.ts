/** Making, listing and revoking an account's API keys. */
import * as z from "zod";
import type { App } from "../app.ts";
import { tiers } from "../catalog/tiers.ts";
import { DAY_MS, later } from "../clock.ts";
import { sql } from "../db/port.ts";
import { timeColumn } from "../db/columns.ts";
import { newApiKey } from "./api-key.ts";

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
  ({ readonly kind: "created" } & Made) | { readonly kind: "limit" | "unknown_account" };

export type KeyWish = {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresInDays?: number | undefined;
};

type Ports = Pick<App, "db" | "env" | "clock" | "newId">;

export async function createKey(app: Ports, accountId: string, wish: KeyWish): Promise<CreateKeyOutcome> {
  const { key, hint, hash } = newApiKey(app.env);
  const id = app.newId("key");
  const now = app.clock();
  const { name, scopes, expiresInDays } = wish;
  const expiresAt = expiresInDays === undefined ? null : later(now, expiresInDays * DAY_MS);
  const limits = JSON.stringify(Object.fromEntries(tiers.map((tier) => [tier.id, tier.apiKeys])));
  const { outcome } = await app.db.one(
    sql`select create_api_key(${now}::timestamptz, ${id}, ${accountId}, ${name}, ${hint}, ${hash}::bytea,
      ${scopes}::text[], ${expiresAt}::timestamptz, ${limits}::jsonb) as outcome`,
    z.object({ outcome: z.enum(["created", "limit", "unknown_account"]) }),
  );
  if (outcome !== "created") return { kind: outcome };
  const times = { createdAt: now.toISOString(), expiresAt: expiresAt?.toISOString() ?? null };
  return { kind: "created", key, apiKey: { id, name, hint, scopes: [...scopes], ...times } };
}

const rerolledColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("not_found") }),
  z.object({ kind: z.literal("ended") }),
  z.object({
    kind: z.literal("rerolled"),
    name: z.string(),
    scopes: z.array(z.string()),
    expiresAt: timeColumn.nullable(),
  }),
]);

export type RerollOutcome = ({ readonly kind: "rerolled" } & Made) | { readonly kind: "not_found" | "ended" };

/** A new secret with the key's name, scopes and end; the old one goes on working for `overlapDays`, 0 ends it now. */
export async function rerollKey(
  app: Ports,
  accountId: string,
  keyId: string,
  overlapDays: number,
): Promise<RerollOutcome> {
  const { key, hint, hash } = newApiKey(app.env);
  const id = app.newId("key");
  const now = app.clock();
  const { outcome } = await app.db.one(
    sql`select reroll_api_key(${now}::timestamptz, ${accountId}, ${keyId}, ${id}, ${hint}, ${hash}::bytea,
      ${later(now, overlapDays * DAY_MS)}::timestamptz) as outcome`,
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

const keyRow = z
  .object({
    id: z.string(),
    name: z.string(),
    hint: z.string(),
    scopes: z.array(z.string()),
    created_at: timeColumn,
    expires_at: timeColumn.nullable(),
    revoked_at: timeColumn.nullable(),
    replaced_by: z.string().nullable(),
  })
  .transform(({ created_at, expires_at, revoked_at, replaced_by, ...key }) => ({
    ...key,
    createdAt: created_at,
    expiresAt: expires_at,
    revokedAt: revoked_at,
    replacedBy: replaced_by,
  }));

/** The newest first; the ended ones stay listed. */
export function listKeys(app: Pick<App, "db">, accountId: string) {
  return app.db.query(sql`select * from list_api_keys(${accountId})`, keyRow);
}

/** False when the account has no such key. Revoking again changes nothing. */
export async function revokeKey(
  app: Pick<App, "db" | "clock">,
  accountId: string,
  keyId: string,
): Promise<boolean> {
  const { revoked } = await app.db.one(
    sql`select revoke_api_key(${app.clock()}::timestamptz, ${accountId}, ${keyId}) as revoked`,
    z.object({ revoked: z.boolean() }),
  );
  return revoked;
}
