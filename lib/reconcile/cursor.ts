/** From where one of Stripe's lists is to be read: a little before what was read, so that what was listed late is seen. */
import * as z from "zod";
import type { App } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import type { Span } from "../stripe/history.ts";

/** Null while nothing was sold: nothing at Stripe can be ours. */
export async function spanToRead(
  app: Pick<App, "db" | "clock">,
  list: "events" | "subscription_events" | "balance",
  to: Date,
): Promise<Span | null> {
  const { start } = await app.db.one(
    sql`select stripe_walk_from(${app.clock()}::timestamptz, ${list}) as start`,
    z.object({ start: timeColumn.nullable() }),
  );
  return start === null ? null : { from: secondsOf(new Date(start)), to: secondsOf(to) };
}

function secondsOf(time: Date): number {
  return Math.floor(time.getTime() / SECOND_MS);
}

/** For SQL. */
export function timeOf(seconds: number): Date {
  return new Date(seconds * SECOND_MS);
}
