/** Everything a customer sees of their ducats: one statement, and one look at Venice when the purse is old. */
import * as z from "zod";
import { callerColumns, type Caller } from "../account/caller.ts";
import type { App } from "../app.ts";
import { MINUTE_MS } from "../clock.ts";
import { millisColumn, timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { Unavailable } from "../errors.ts";
import { deliveryColumn, shownDelivery } from "../delivery/show.ts";
import type { Millis } from "../money.ts";
import { listedPurchaseColumn, shownPurchase } from "../purchase/column.ts";

/** A shown purse is at most this old. */
const purseFreshMs = MINUTE_MS;

const statusColumn = z.object({
  citizen: z.string(),
  walletMillis: millisColumn,
  transitMillis: millisColumn,
  frozenMillis: millisColumn,
  heldMillis: millisColumn,
  debtMillis: millisColumn,
  purse: z.object({ millis: millisColumn, readAt: timeColumn }).nullable(),
  purchases: z.array(listedPurchaseColumn),
  deliveries: z.array(deliveryColumn),
});

const answerColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "forbidden"]) }),
  z.object({ kind: z.literal("read"), keySeenLongAgo: z.boolean(), status: statusColumn }),
]);

/** `purseMillis` is null when Venice cannot be read. @throws Unavailable (database) */
export async function creditStatus(app: Pick<App, "db" | "venice" | "clock" | "log">, caller: Caller) {
  const now = app.clock();
  const { keyHash, sessionId } = callerColumns(caller);
  const { answer } = await app.db.one(
    sql`select credit_status(${now}::timestamptz, ${keyHash}::bytea, ${sessionId}) as answer`,
    z.object({ answer: answerColumn }),
  );
  return answer.kind === "read" ? { ...answer, status: await shown(app, answer.status, now) } : answer;
}

type Status = z.output<typeof statusColumn>;

async function shown(app: Pick<App, "db" | "venice" | "clock" | "log">, status: Status, now: Date) {
  const { purse, purchases, deliveries, ...rest } = status;
  const isFresh = purse && now.getTime() - new Date(purse.readAt).getTime() < purseFreshMs;
  return {
    ...rest,
    purseMillis: isFresh ? purse.millis : await readPurse(app, status.citizen),
    purchases: purchases.map((purchase) => shownPurchase(purchase, now)),
    deliveries: deliveries.map((delivery) => shownDelivery(delivery, now)),
  };
}

async function readPurse(
  app: Pick<App, "db" | "venice" | "clock" | "log">,
  citizen: string,
): Promise<Millis | null> {
  try {
    const purse = (await app.venice.purses([citizen])).get(citizen) ?? null;
    if (purse !== null)
      await app.db.query(
        sql`select save_purse(${app.clock()}::timestamptz, ${citizen}, ${purse}::bigint)`,
        z.unknown(),
      );
    return purse;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    app.log("purse_not_read", { error: error.message });
    return null;
  }
}
