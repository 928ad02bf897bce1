/** Making, listing and revoking an account's API keys. */
import * as z from "zod";
import type { App } from "../app.ts";
import { tiers } from "../catalog/tiers.ts";
import { sql } from "../db/port.ts";
import { timeColumn } from "../db/columns.ts";
import { newApiKey } from "./api-key.ts";

export type ApiKey = {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly scopes: string[];
  readonly createdAt: string;
};

export type CreateKeyOutcome =
  | { readonly kind: "created"; readonly apiKey: ApiKey; readonly key: string }
  | { readonly kind: "limit" | "unknown_account" };

export async function createKey(
  app: Pick<App, "db" | "env" | "clock" | "newId">,
  accountId: string,
  name: string,
  scopes: readonly string[],
): Promise<CreateKeyOutcome> {
  const { key, hint, hash } = newApiKey(app.env);
  const id = app.newId("key");
  const now = app.clock();
  const limits = JSON.stringify(Object.fromEntries(tiers.map((tier) => [tier.id, tier.apiKeys])));
  const { outcome } = await app.db.one(
    sql`select create_api_key(${now}::timestamptz, ${id}, ${accountId}, ${name}, ${hint}, ${hash}::bytea,
      ${scopes}::text[], ${limits}::jsonb) as outcome`,
    z.object({ outcome: z.enum(["created", "limit", "unknown_account"]) }),
  );
  if (outcome !== "created") return { kind: outcome };
  return {
    kind: "created",
    key,
    apiKey: { id, name, hint, scopes: [...scopes], createdAt: now.toISOString() },
  };
}

const keyRow = z
  .object({
    id: z.string(),
    name: z.string(),
    hint: z.string(),
    scopes: z.array(z.string()),
    created_at: timeColumn,
    revoked_at: timeColumn.nullable(),
  })
  .transform(({ created_at, revoked_at, ...key }) => ({
    ...key,
    createdAt: created_at,
    revokedAt: revoked_at,
  }));

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
