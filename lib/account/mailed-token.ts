/**
 * The secret of a mailed link. It follows from the link's id and our key, so that the outbox holds no secret and a letter that
 * is sent twice is the same letter; the database holds its hash.
 */
import type { App } from "../app.ts";
import { derivedToken, signingKeys, tokenHash, type SecretEnv } from "./secrets.ts";

export function mailedToken(env: SecretEnv, id: string): string {
  return derivedToken(signingKeys(env)[0], "mail", id);
}

/** The one whose hash was kept when it was asked for: our key may have been rotated since. */
export function mailedTokenOf(env: SecretEnv, id: string, hash: string): string | undefined {
  return signingKeys(env)
    .map((key) => derivedToken(key, "mail", id))
    .find((token) => Buffer.from(tokenHash(token)).toString("hex") === hash);
}

export type NewMailedToken = { readonly id: string; readonly hash: Uint8Array };

export function newMailedToken(app: Pick<App, "env" | "newId">): NewMailedToken {
  const id = app.newId("tok");
  return { id, hash: tokenHash(mailedToken(app.env, id)) };
}
