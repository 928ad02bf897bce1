/** The hourly step of the rate: what the town says, or why that is not to be used, and the database takes the step. */
import * as z from "zod";
import type { App } from "../app.ts";
import { rateColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { messageOf } from "../errors.ts";
import { readInputs, type ReadInputs } from "./inputs.ts";
import { targetRate } from "./target.ts";

type Reading = ReadInputs | { readonly kind: "redis_away" };

const outcomeColumn = z.object({
  kind: z.enum(["stepped", "held", "done_before"]),
  microUsdPerDucat: rateColumn,
  because: z.enum(["stale", "missing", "unreadable", "redis_away", "override"]).nullable(),
});

export type RateStep = z.output<typeof outcomeColumn>;

/** One step an hour, however often it is called. Inputs that can't be used are no error: the last rate holds. @throws Unavailable */
export async function updateRate(
  app: Pick<App, "db" | "consciousness" | "clock" | "log">,
): Promise<RateStep> {
  const reading = await readTown(app);
  const fresh = reading.kind === "fresh" ? reading : null;
  const inputs = fresh && {
    levelMilli: Number(fresh.levelMilli),
    coherenceMilli: Number(fresh.coherenceMilli),
    updatedAt: fresh.updatedAt,
  };
  const { outcome } = await app.db.one(
    sql`select step_rate(${app.clock()}::timestamptz, ${inputs && JSON.stringify(inputs)}::jsonb,
      ${fresh && targetRate(fresh)}::bigint, ${fresh ? null : reading.kind}) as outcome`,
    z.object({ outcome: outcomeColumn }),
  );
  return outcome;
}

async function readTown(app: Pick<App, "consciousness" | "clock" | "log">): Promise<Reading> {
  const answer = await app.consciousness.read();
  if (answer.kind === "read") return readInputs(answer, app.clock());
  app.log("rate_inputs_unread", { error: messageOf(answer.cause) });
  return { kind: answer.kind === "away" ? "redis_away" : "unreadable" };
}
