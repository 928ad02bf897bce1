/** The rate as everybody may see it: now, what moves or holds it, and where it has been. */
import * as z from "zod";
import type { App } from "../app.ts";
import { rateColumn, timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { currentRateColumn } from "./current.ts";
import { heldReasons } from "./target.ts";

const shownColumn = currentRateColumn.extend({
  held: z.enum(heldReasons).nullable(),
  holdsUntil: timeColumn.nullable(),
  inputs: z.object({ levelMilli: z.int(), coherenceMilli: z.int(), updatedAt: timeColumn }).nullable(),
  dayChangeMicroUsd: z.int().nullable(),
  weekChangeMicroUsd: z.int().nullable(),
  nextStepAt: timeColumn,
  history: z.array(z.object({ at: timeColumn, microUsdPerDucat: rateColumn })),
});

export async function showRate({ db, clock }: Pick<App, "db" | "clock">) {
  const { shown } = await db.one(
    sql`select read_rate(${clock()}::timestamptz) as shown`,
    z.object({ shown: shownColumn }),
  );
  return shown;
}
