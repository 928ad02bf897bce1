/**
 * Who is asking, as far as the request itself can say. Whether a key or a session lives, the database decides in the
 * statement that is asked for. A page whose access token is over is given the next pair of tokens on the way.
 */
import { readAccessToken } from "../account/access-token.ts";
import { hashApiKey, looksLikeApiKey } from "../account/api-key.ts";
import type { Caller } from "../account/caller.ts";
import { refreshSession } from "../account/sessions.ts";
import type { Core } from "../app.ts";
import type { Database } from "../db/port.ts";
import { endedCookies, readCookie, sessionCookies } from "./cookies.ts";
import type { Auth } from "./declare.ts";

export type Identified = { readonly caller: Caller | null; readonly cookies: readonly string[] };

const nobody: Identified = { caller: null, cookies: [] };

/** @param db undefined where the function asks no database: its pages' tokens are not renewed there. */
export async function identify(
  request: Request,
  auth: Auth,
  app: Core,
  db: Database | undefined,
): Promise<Identified> {
  if (auth === "none") return nobody;
  const bearer = bearerToken(request);
  if (bearer !== undefined && looksLikeApiKey(bearer))
    return auth === "session_or_key"
      ? { caller: { kind: "key", hash: hashApiKey(bearer) }, cookies: [] }
      : nobody;
  const ids = await sessionIn(request, app);
  if (ids) return { caller: { kind: "session", ...ids }, cookies: [] };
  const refreshToken = readCookie(request, "refresh");
  if (bearer !== undefined || refreshToken === undefined || !db) return nobody;
  const { origin } = new URL(request.url);
  const refreshed = await refreshSession({ ...app, db }, refreshToken);
  if (refreshed.kind !== "refreshed") return { caller: null, cookies: endedCookies(origin) };
  const { sessionId, accountId, tokens } = refreshed;
  return { caller: { kind: "session", sessionId, accountId }, cookies: sessionCookies(tokens, origin) };
}

/** The session that a bearer token, or else a cookie, names with a right signature. */
export async function sessionIn(request: Request, app: Pick<Core, "env" | "clock">) {
  const token = bearerToken(request) ?? readCookie(request, "session");
  return token === undefined ? null : await readAccessToken(app.env, token, app.clock());
}

function bearerToken(request: Request): string | undefined {
  return /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}
