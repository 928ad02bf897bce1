/** The outbox as support sees it, and an admin's resend. What queues letters is the database, beside what they tell of. */
import * as z from "zod";
import type { App } from "../app.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";

const perPage = 50;

const listedColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "not_found"]) }),
  z.object({
    kind: z.literal("listed"),
    letters: z.array(
      z.object({
        id: z.string(),
        kind: z.string(),
        object: z.string(),
        nth: z.int(),
        state: z.enum(["queued", "sent", "refused", "given_up", "skipped"]),
        tries: z.int(),
        lastError: z.string().nullable(),
        createdAt: timeColumn,
        endedAt: timeColumn.nullable(),
      }),
    ),
  }),
]);

/** An account's letters, the newest first; `not_found` for everybody but support and admins. */
export async function listLetters(app: Pick<App, "db" | "clock">, sessionId: string, accountId: string) {
  const { listed } = await app.db.one(
    sql`select list_letters(${app.clock()}::timestamptz, ${sessionId}, ${accountId}, ${perPage}::int) as listed`,
    z.object({ listed: listedColumn }),
  );
  return listed;
}

/** Queues a letter again, once while it is on its way; `not_found` for everybody but admins. */
export async function resendLetter(
  app: Pick<App, "db" | "clock" | "visit">,
  sessionId: string,
  letterId: string,
) {
  const { outcome } = await app.db.one(
    sql`select resend_letter(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${letterId}) as outcome`,
    z.object({ outcome: z.enum(["queued", "still_queued", "not_found", "unauthorised"]) }),
  );
  return outcome;
}
