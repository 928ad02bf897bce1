/** Reads the audit log: one's own account's, and for support and admins anybody's. */
import * as z from "zod";
import type { App } from "../app.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";

const perPage = 50;

const readColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("not_found") }),
  z.object({
    kind: z.literal("read"),
    entries: z.array(
      z.object({
        id: z.int(),
        at: timeColumn,
        actor: z.string(),
        act: z.string(),
        detail: z.record(z.string(), z.unknown()),
        network: z.string().nullable(),
        agent: z.string().nullable(),
        requestId: z.string().nullable(),
      }),
    ),
  }),
]);

export type AuditPage = { readonly account?: string | undefined; readonly before?: number | undefined };

/** The newest first. Null when the session has ended. */
export async function readAudit(app: Pick<App, "db" | "clock">, sessionId: string, page: AuditPage) {
  const { read } = await app.db.one(
    sql`select read_audit(${app.clock()}::timestamptz, ${sessionId}, ${page.account ?? null}, ${page.before ?? null}::bigint,
      ${perPage}::int) as read`,
    z.object({ read: readColumn.nullable() }),
  );
  return read;
}
