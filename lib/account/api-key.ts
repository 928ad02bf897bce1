/**
 * API keys: `ck_<test|live>_`, 32 random characters and a checksum of 7 (docs/api-keys.md); at rest only their SHA-256.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { isLive, type Env } from "../env.ts";
import { randomText } from "../ids.ts";

/** What a key may do: `deliveries:write` is for withdrawals by program. */
export const SCOPES = ["usage:write", "usage:read", "credits:read", "deliveries:write"] as const;
/** A program that spends needs these, and no more. */
export const DEFAULT_SCOPES = ["usage:write", "usage:read"] as const;

const pattern = /^(ck_(?:test|live)_[0-9a-z]{32})([0-9a-z]{7})$/;

export type NewKey = { readonly key: string; readonly hint: string; readonly hash: Uint8Array };

export function newApiKey(env: Pick<Env, "STRIPE_SECRET_KEY">): NewKey {
  const body = `ck_${isLive(env) ? "live" : "test"}_${randomText(32)}`;
  const key = `${body}${checksum(body)}`;
  return { key, hint: `${key.slice(0, 12)}…${key.slice(-4)}`, hash: hashApiKey(key) };
}

/** Whether a token is one of our keys, typed without a mistake; whether it lives, the database knows. */
export function looksLikeApiKey(token: string): boolean {
  const [, body, check] = pattern.exec(token) ?? [];
  return body !== undefined && checksum(body) === check;
}

export function hashApiKey(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}

/** CRC-32 in base 36: it tells a key from a look-alike and finds typing mistakes, without asking anybody. */
function checksum(body: string): string {
  return crc32(body).toString(36).padStart(7, "0");
}
