/** Challenges: what somebody's key must sign, once, within five minutes. */
import * as z from "zod";
import type { App } from "../app.ts";
import { later, MINUTE_MS } from "../clock.ts";
import { sql } from "../db/port.ts";

export type Purpose = "passkey_add" | "passkey_sign_in" | "citizen_proof" | "venice_sign_in";

export type NewChallenge = {
  readonly purpose: Purpose;
  /** What has to be signed. */
  readonly secret: string;
  readonly expiresAt: string;
  readonly citizen?: string;
  readonly wallet?: string;
};

export function challengeEnd(now: Date): string {
  return later(now, 5 * MINUTE_MS).toISOString();
}

/** The challenge's id; null when a session that has ended asks for it. `sessionId` is null for a sign-in. */
export async function openChallenge(
  app: Pick<App, "db" | "clock" | "newId">,
  sessionId: string | null,
  challenge: NewChallenge,
): Promise<string | null> {
  const id = app.newId("chl");
  const { opened } = await app.db.one(
    sql`select open_challenge(${app.clock()}::timestamptz, ${sessionId}, ${JSON.stringify({ id, ...challenge })}::jsonb) as opened`,
    z.object({ opened: z.boolean() }),
  );
  return opened ? id : null;
}

const takenColumn = z.object({
  secret: z.string(),
  citizen: z.string().nullable(),
  wallet: z.string().nullable(),
});

/** Uses up a session's own challenge; null when there is none, or the session has ended. */
export async function takeChallenge(
  app: Pick<App, "db" | "clock">,
  sessionId: string,
  id: string,
  purpose: Purpose,
) {
  const { taken } = await app.db.one(
    sql`select take_challenge(${app.clock()}::timestamptz, ${sessionId}, ${id}, ${purpose}) as taken`,
    z.object({ taken: takenColumn.nullable() }),
  );
  return taken;
}
