/** Who is asking, as far as the request itself can say: no round trip. Whether a key lives, the database decides. */
import type { App } from "../app.ts";
import type { Auth } from "./declare.ts";
import { tokenInCookie } from "./cookies.ts";
import { hashApiKey, looksLikeApiKey } from "../account/api-key.ts";
import type { Caller } from "../account/caller.ts";
import { verifySession } from "../account/session.ts";

export async function identify(
  request: Request,
  auth: Auth,
  app: Pick<App, "env" | "clock">,
): Promise<Caller | null> {
  if (auth === "none") return null;
  const bearer = /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (bearer && looksLikeApiKey(bearer))
    return auth === "session_or_key" ? { kind: "key", hash: hashApiKey(bearer) } : null;
  const token = bearer ?? tokenInCookie(request);
  const accountId = token ? await verifySession(app.env, token, app.clock()) : null;
  return accountId ? { kind: "session", accountId } : null;
}
