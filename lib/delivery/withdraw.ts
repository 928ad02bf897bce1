/** Wallet to Venice, at any time: the ducats move to `transit`, and the delivery waits in the outbox. */
import * as z from "zod";
import { callerColumns, type Caller } from "../account/caller.ts";
import type { App } from "../app.ts";
import { millisColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import type { Millis } from "../money.ts";
import { deliveryColumn, shownDelivery } from "./show.ts";

export type Withdrawal = {
  /** Whole ducats. */
  readonly millis: Millis;
  /** The client's own: the same for each retry. */
  readonly idempotencyKey: string;
};

const addressColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "forbidden"]) }),
  z.object({
    kind: z.literal("ok"),
    accountId: z.string(),
    citizen: z.string(),
    isRetry: z.boolean(),
    keySeenLongAgo: z.boolean(),
  }),
]);

const withdrawnColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "forbidden", "key_reused", "citizen_changed", "disputed"]) }),
  z.object({ kind: z.literal("insufficient"), walletMillis: millisColumn }),
  z.object({ kind: z.literal("queued"), walletMillis: millisColumn, delivery: deliveryColumn }),
]);

/**
 * The citizen must be in Venice, asked fresh, but for a retry; whether the purse can pay now doesn't matter: deliveries wait.
 * @throws Unavailable
 */
export async function withdraw(
  app: Pick<App, "db" | "venice" | "clock" | "newId" | "visit">,
  caller: Caller,
  { millis, idempotencyKey }: Withdrawal,
) {
  const now = app.clock();
  const { keyHash, sessionId } = callerColumns(caller);
  const { address } = await app.db.one(
    sql`select delivery_address(${now}::timestamptz, ${keyHash}::bytea, ${sessionId}, ${idempotencyKey}) as address`,
    z.object({ address: addressColumn }),
  );
  if (address.kind !== "ok") return address;
  const { citizen, accountId, isRetry, keySeenLongAgo } = address;
  if (!isRetry && !(await app.venice.purses([citizen])).has(citizen))
    return { kind: "unknown_citizen" as const };
  const { withdrawn } = await app.db.one(
    sql`select withdraw(${now}::timestamptz, ${app.visit}::jsonb, ${keyHash}::bytea, ${sessionId}, ${app.newId("dlv")},
      ${idempotencyKey}, ${citizen}, ${millis}::bigint) as withdrawn`,
    z.object({ withdrawn: withdrawnColumn }),
  );
  if (withdrawn.kind !== "queued") return withdrawn;
  return { ...withdrawn, accountId, keySeenLongAgo, delivery: shownDelivery(withdrawn.delivery, now) };
}
