/** What an account has used, by UTC day and meter. */
import * as z from "zod";
import { callerColumns, type Caller } from "../account/caller.ts";
import type { App } from "../app.ts";
import { DAY_MS, later } from "../clock.ts";
import { millisColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";

const reportColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("unauthorised") }),
  z.object({ kind: z.literal("forbidden") }),
  z.object({
    kind: z.literal("reported"),
    keySeenLongAgo: z.boolean(),
    days: z.array(
      z.object({
        day: z.iso.date(),
        meter: z.string(),
        events: z.int(),
        units: z.int(),
        chargedMillis: millisColumn,
      }),
    ),
  }),
]);

export type UsagePeriod = { readonly from?: string | undefined; readonly to?: string | undefined };

/** Both days are included; the last 31 when nothing is asked. */
export async function reportUsage(app: Pick<App, "db" | "clock">, caller: Caller, period: UsagePeriod) {
  const to = period.to ?? app.clock().toISOString().slice(0, 10);
  const from =
    period.from ??
    later(new Date(to), -30 * DAY_MS)
      .toISOString()
      .slice(0, 10);
  const { keyHash, sessionId } = callerColumns(caller);
  const { report } = await app.db.one(
    sql`select report_usage(${app.clock()}::timestamptz, ${keyHash}::bytea, ${sessionId}, ${from}::date, ${to}::date) as report`,
    z.object({ report: reportColumn }),
  );
  return report;
}
