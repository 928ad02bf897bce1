/** The processor citizen's purse against what is promised, a floor and the days to come. Never writes a balance. */
import * as z from "zod";
import type { App } from "../app.ts";
import { millisColumn, timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { deliveryWork } from "../delivery/outbox.ts";
import { millis, MILLIS_PER_DUCAT, type Millis } from "../money.ts";
import { PROCESSOR } from "../processor.ts";
import { comparePurse } from "./compare.ts";

const judgedColumn = z.object({
  promisedMillis: millisColumn,
  freeMillis: millisColumn,
  floorMillis: millisColumn,
  targetMillis: millisColumn,
  burnMillisPerDay: millisColumn,
  floorAt: timeColumn.nullable(),
  dryAt: timeColumn.nullable(),
  topUpMillis: millisColumn,
  alert: z.enum(["opened", "still_open", "closed", "none"]),
});

export type ReserveOutcome =
  | ({ readonly kind: "checked"; readonly purseMillis: Millis } & z.output<typeof judgedColumn>)
  | { readonly kind: "no_processor" };

/** A floor of 100,000 ducats aims at 200,000, unless the operator has set another target. */
const targetByFloor = 2;

/** Opens one alert when the free purse is, or soon will be, below the floor; closes it when it is not. @throws Unavailable */
export async function checkReserve(
  app: Pick<App, "db" | "venice" | "clock" | "env">,
): Promise<ReserveOutcome> {
  const { RESERVE_FLOOR_DUCATS, RESERVE_TARGET_DUCATS } = app.env;
  const work = await deliveryWork(app, 0);
  const purseMillis = (await app.venice.purses([PROCESSOR])).get(PROCESSOR);
  if (purseMillis === undefined) return { kind: "no_processor" };
  await comparePurse(app, work, purseMillis);
  const floor = inMillis(RESERVE_FLOOR_DUCATS);
  const target = inMillis(RESERVE_TARGET_DUCATS ?? RESERVE_FLOOR_DUCATS * targetByFloor);
  const { judged } = await app.db.one(
    sql`select judge_reserve(${app.clock()}::timestamptz, ${purseMillis}::bigint, ${floor}::bigint, ${target}::bigint) as judged`,
    z.object({ judged: judgedColumn }),
  );
  return { kind: "checked", purseMillis, ...judged };
}

function inMillis(ducats: number): Millis {
  return millis(BigInt(ducats) * MILLIS_PER_DUCAT);
}
