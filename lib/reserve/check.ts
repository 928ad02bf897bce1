/** The processor citizen's purse against what is promised and a floor. Never writes a balance. */
import * as z from "zod";
import type { App } from "../app.ts";
import { millisColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { millis, MILLIS_PER_DUCAT, type Millis } from "../money.ts";
import { PROCESSOR } from "../venice/port.ts";

const checkedColumn = z.object({
  promisedMillis: millisColumn,
  freeMillis: millisColumn,
  alert: z.enum(["opened", "still_open", "closed", "none"]),
});

export type ReserveOutcome =
  | ({ readonly kind: "checked"; readonly purseMillis: Millis } & z.output<typeof checkedColumn>)
  | { readonly kind: "no_processor" };

/** Opens one alert when the free purse is below the floor, and closes it when it is not. @throws Unavailable */
export async function checkReserve(
  app: Pick<App, "db" | "venice" | "clock" | "env">,
): Promise<ReserveOutcome> {
  const purseMillis = (await app.venice.purses([PROCESSOR])).get(PROCESSOR);
  if (purseMillis === undefined) return { kind: "no_processor" };
  const floor = millis(BigInt(app.env.RESERVE_FLOOR_DUCATS) * MILLIS_PER_DUCAT);
  const { checked } = await app.db.one(
    sql`select check_reserve(${app.clock()}::timestamptz, ${purseMillis}::bigint, ${floor}::bigint) as checked`,
    z.object({ checked: checkedColumn }),
  );
  return { kind: "checked", purseMillis, ...checked };
}
