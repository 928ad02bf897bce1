/** API keys: `ck_<test|live>_` and 32 random characters; at rest only their SHA-256. */
import { createHash } from "node:crypto";
import { isLive, type Env } from "../env.ts";
import { randomText } from "../ids.ts";

export const SCOPES = ["usage:write", "usage:read"] as const;

const pattern = /^ck_(test|live)_[0-9a-z]{32}$/;

export type NewKey = { readonly key: string; readonly hint: string; readonly hash: Uint8Array };

export function newApiKey(env: Pick<Env, "STRIPE_SECRET_KEY">): NewKey {
  const key = `ck_${isLive(env) ? "live" : "test"}_${randomText(32)}`;
  return { key, hint: `${key.slice(0, 12)}…${key.slice(-4)}`, hash: hashApiKey(key) };
}

export function looksLikeApiKey(token: string): boolean {
  return pattern.test(token);
}

export function hashApiKey(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}
