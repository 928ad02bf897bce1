/** The price of a ducat now, as the database has it. */
import * as z from "zod";
import type { App } from "../app.ts";
import { rateColumn, timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";

/** `asOf`: since when it has been this one. */
export const currentRateColumn = z.object({ microUsdPerDucat: rateColumn, asOf: timeColumn });

export type Rate = z.output<typeof currentRateColumn>;

export async function currentRate({ db, clock }: Pick<App, "db" | "clock">): Promise<Rate> {
  const { rate } = await db.one(
    sql`select current_rate(${clock()}::timestamptz) as rate`,
    z.object({ rate: currentRateColumn }),
  );
  return rate;
}
