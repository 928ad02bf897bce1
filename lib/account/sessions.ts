/**
 * Sessions: one per device, alive while its refresh token is renewed. The token is random, kept as its hash, and works once;
 * its successor follows from it, so that two tabs, or an answer that was lost, get the same one.
 */
import { randomBytes } from "node:crypto";
import * as z from "zod";
import type { App } from "../app.ts";
import { DAY_MS, later } from "../clock.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { issueAccessToken, type SessionIds } from "./access-token.ts";
import { derivedToken, signingKeys, tokenHash } from "./secrets.ts";

/** A device that isn't used for this long is signed out. */
const idleMs = 30 * DAY_MS;
/** Everybody signs in anew after this. */
const longest = "180 days";
/** In which a used refresh token gets its successor again: two tabs, a reload, an answer lost on the way. */
const grace = "30 seconds";

export type Tokens = {
  readonly accessToken: string;
  readonly accessExpiresAt: string;
  readonly refreshToken: string;
  /** When a device that does nothing is signed out. */
  readonly refreshExpiresAt: string;
};

type Core = Pick<App, "env" | "clock">;

/** A session to be: the database opens it in the statement that believes the sign-in. */
export type NewSession = { readonly id: string; readonly refreshToken: string; readonly row: string };

export function newSession(app: Core & Pick<App, "newId">): NewSession {
  const id = app.newId("ses");
  const refreshToken = randomBytes(32).toString("base64url");
  const refreshHash = Buffer.from(tokenHash(refreshToken)).toString("hex");
  const expiresAt = later(app.clock(), idleMs).toISOString();
  return { id, refreshToken, row: JSON.stringify({ id, refreshHash, expiresAt }) };
}

/** The tokens of a session that was opened or refreshed just now. */
export async function tokensOf(app: Core, ids: SessionIds, refreshToken: string): Promise<Tokens> {
  const now = app.clock();
  const access = await issueAccessToken(app.env, ids, now);
  return {
    accessToken: access.token,
    accessExpiresAt: access.expiresAt.toISOString(),
    refreshToken,
    refreshExpiresAt: later(now, idleMs).toISOString(),
  };
}

export type RefreshOutcome =
  | ({ readonly kind: "refreshed"; readonly tokens: Tokens } & SessionIds)
  /** `reused`: somebody else has used this token; the session is over. */
  | { readonly kind: "unknown" | "ended" | "reused" };

const refreshedColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unknown", "ended", "reused"]) }),
  z.object({
    kind: z.literal("refreshed"),
    sessionId: z.string(),
    accountId: z.string(),
    successor: z.int(),
  }),
]);

/** Takes a refresh token for the next pair. @throws Unavailable: ask again with the same token. */
export async function refreshSession(
  app: Core & Pick<App, "db" | "visit">,
  refreshToken: string,
): Promise<RefreshOutcome> {
  const now = app.clock();
  // Of each key: another tab may have come before our secret was rotated.
  const nexts = signingKeys(app.env).map((key) => derivedToken(key, "refresh", refreshToken));
  const hashes = nexts.map((next) => Buffer.from(tokenHash(next)).toString("hex"));
  const { outcome } = await app.db.one(
    sql`select refresh_session(${now}::timestamptz, ${app.visit}::jsonb, ${tokenHash(refreshToken)}::bytea,
      ${hashes}::text[], ${later(now, idleMs)}::timestamptz, ${grace}::interval, ${longest}::interval) as outcome`,
    z.object({ outcome: refreshedColumn }),
  );
  if (outcome.kind !== "refreshed") return outcome;
  const { successor, ...ids } = outcome;
  const next = nexts[successor];
  if (next === undefined) throw new Error("a used refresh token has no successor");
  return { ...ids, tokens: await tokensOf(app, ids, next) };
}

const sessionsColumn = z.array(
  z.object({
    id: z.string(),
    current: z.boolean(),
    method: z.enum(["password", "passkey", "venice"]),
    network: z.string().nullable(),
    agent: z.string().nullable(),
    createdAt: timeColumn,
    refreshedAt: timeColumn,
    expiresAt: timeColumn,
  }),
);

/** The account's live sessions; null when the asking one has ended. */
export async function listSessions(app: Pick<App, "db" | "clock">, sessionId: string) {
  const { sessions } = await app.db.one(
    sql`select list_sessions(${app.clock()}::timestamptz, ${sessionId}) as sessions`,
    z.object({ sessions: sessionsColumn.nullable() }),
  );
  return sessions;
}

type Ending = Pick<App, "db" | "clock" | "visit">;

/** Ends one session of the same account, at once; the asking one, too. */
export async function endSession(app: Ending, sessionId: string, which: string) {
  const { outcome } = await app.db.one(
    sql`select end_session(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${which}) as outcome`,
    z.object({ outcome: z.enum(["ended", "not_found", "unauthorised"]) }),
  );
  return outcome;
}

/** Ends every session of the account but the asking one; false when that one has ended itself. */
export async function endOtherSessions(app: Ending, sessionId: string): Promise<boolean> {
  const { ended } = await app.db.one(
    sql`select end_other_sessions(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}) as ended`,
    z.object({ ended: z.boolean() }),
  );
  return ended;
}

/** Ends the session of an access token or, when that is over, of a refresh token. One that has ended already is well. */
export async function signOut(
  app: Ending,
  sessionId: string | null,
  refreshToken: string | null,
): Promise<void> {
  if (sessionId === null && refreshToken === null) return;
  await app.db.query(
    sql`select sign_out(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId},
      ${refreshToken === null ? null : tokenHash(refreshToken)}::bytea)`,
    z.unknown(),
  );
}
