/** What an API key may do and how long it lives, in words. Pure. */
import type { ApiKey } from "./wire.ts";

const scopeWords: Readonly<Record<string, string>> = {
  "usage:write": "spend ducats",
  "usage:read": "read its usage",
  "credits:read": "read balances",
  "deliveries:write": "send ducats to Venice",
};

export function mayWords(scopes: readonly string[]): string {
  const words = scopes.map((scope) => scopeWords[scope] ?? scope).join(", ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function isLive({ revokedAt, expiresAt }: ApiKey, now: Date): boolean {
  return revokedAt === null && (expiresAt === null || new Date(expiresAt) > now);
}
