/** What JWT_SECRET_KEY signs and derives, and its predecessor still checks: a secret is rotated and nobody is signed out. */
import { createHash, createHmac } from "node:crypto";
import type { Env } from "../env.ts";

export type SecretEnv = Pick<Env, "JWT_SECRET_KEY" | "JWT_PREVIOUS_SECRET_KEY">;

export type SigningKey = { readonly id: string; readonly bytes: Uint8Array };

/** The current key first; the others only check. */
export function signingKeys(env: SecretEnv): readonly [SigningKey, ...SigningKey[]] {
  const previous = env.JWT_PREVIOUS_SECRET_KEY;
  return [keyOf(env.JWT_SECRET_KEY), ...(previous === undefined ? [] : [keyOf(previous)])];
}

function keyOf(secret: string): SigningKey {
  const bytes = new TextEncoder().encode(secret);
  return { id: createHash("sha256").update(bytes).digest("hex").slice(0, 8), bytes };
}

/** A secret that follows from another value and our key: the same each time it is asked for, and to nobody else. */
export function derivedToken(key: SigningKey, purpose: string, from: string): string {
  return createHmac("sha256", key.bytes).update(`${purpose}:${from}`).digest("base64url");
}

/** What the database keeps of a token. */
export function tokenHash(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
