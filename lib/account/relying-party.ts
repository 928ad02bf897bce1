/** Whose passkeys they are: the site's own address, never what a request says of itself. */
import type { Env } from "../env.ts";

export type RelyingParty = { readonly name: string; readonly id: string; readonly origin: string };

/** Ed25519, ES256, RS256: what authenticators use, whatever more a runtime can do. */
export const keyAlgorithms = [-8, -7, -257];

export function relyingParty(env: Pick<Env, "URL">): RelyingParty {
  const { hostname, origin } = new URL(env.URL);
  return { name: "CASCADE", id: hostname, origin };
}
