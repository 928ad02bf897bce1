/** An account's purchases, and one with all that happened to it. */
import * as z from "zod";
import { callerColumns, type Caller } from "../account/caller.ts";
import type { App } from "../app.ts";
import { centsColumn, millisColumn, timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { deliveryColumn, shownDelivery } from "../delivery/show.ts";
import { listedPurchaseColumn, purchaseColumn, shownPurchase } from "./column.ts";

const perPage = 50;
const refused = z.object({ kind: z.enum(["unauthorised", "forbidden"]) });
const listedColumn = z.discriminatedUnion("kind", [
  refused,
  z.object({
    kind: z.literal("read"),
    keySeenLongAgo: z.boolean(),
    purchases: z.array(listedPurchaseColumn),
  }),
]);

/** The newest first, ordered before `before`. */
export async function listPurchases(
  app: Pick<App, "db" | "clock">,
  caller: Caller,
  before: string | undefined,
) {
  const now = app.clock();
  const { keyHash, sessionId } = callerColumns(caller);
  const { listed } = await app.db.one(
    sql`select list_purchases(${now}::timestamptz, ${keyHash}::bytea, ${sessionId},
      ${before ?? null}::timestamptz, ${perPage}::int) as listed`,
    z.object({ listed: listedColumn }),
  );
  if (listed.kind !== "read") return listed;
  return { ...listed, purchases: listed.purchases.map((purchase) => shownPurchase(purchase, now)) };
}

const reason = z.string().nullable();

const stepColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ordered"), at: timeColumn, usdCents: centsColumn }),
  z.object({ kind: z.enum(["declined", "failed"]), at: timeColumn, reason }),
  z.object({ kind: z.enum(["processing", "expired"]), at: timeColumn }),
  z.object({ kind: z.literal("set_aside"), at: timeColumn, usdCents: centsColumn, currency: z.string() }),
  z.object({ kind: z.literal("paid"), at: timeColumn, usdCents: centsColumn }),
  z.object({
    kind: z.literal("credited"),
    at: timeColumn,
    millis: millisColumn,
    repaidMillis: millisColumn,
  }),
  z.object({ kind: z.literal("delivery"), at: timeColumn, deliveryId: z.string(), status: z.string() }),
  z.object({ kind: z.enum(["refund_asked", "refund_refused"]), at: timeColumn, usdCents: centsColumn }),
  z.object({
    kind: z.enum(["corrected", "correction_undone"]),
    at: timeColumn,
    why: z.enum(["not_paid", "underpaid", "overpaid"]),
    usdCents: centsColumn,
  }),
  z.object({
    kind: z.literal("refund"),
    at: timeColumn,
    id: z.string(),
    usdCents: centsColumn,
    status: z.enum(["pending", "requires_action", "succeeded", "failed", "canceled"]),
  }),
  z.object({
    kind: z.literal("dispute"),
    at: timeColumn,
    id: z.string(),
    usdCents: centsColumn,
    status: z.enum([
      "warning_needs_response",
      "warning_under_review",
      "warning_closed",
      "needs_response",
      "under_review",
      "won",
      "lost",
      "prevented",
    ]),
    reason: z.string(),
  }),
  z.object({
    kind: z.literal("recall"),
    at: timeColumn,
    millis: millisColumn,
    status: z.enum(["asked", "done", "failed"]),
  }),
]);

const readColumn = z.discriminatedUnion("kind", [
  refused,
  z.object({ kind: z.literal("not_found") }),
  z.object({
    kind: z.literal("read"),
    keySeenLongAgo: z.boolean(),
    purchase: purchaseColumn,
    paymentPages: z.array(z.object({ attempt: z.int(), expiresAt: timeColumn })),
    delivery: deliveryColumn.nullable(),
    timeline: z.array(stepColumn),
  }),
]);

/** `not_found` for another account's, unless support or an admin asks. */
export async function readPurchase(app: Pick<App, "db" | "clock">, caller: Caller, id: string) {
  const now = app.clock();
  const { keyHash, sessionId } = callerColumns(caller);
  const { read } = await app.db.one(
    sql`select read_purchase(${now}::timestamptz, ${keyHash}::bytea, ${sessionId}, ${id}) as read`,
    z.object({ read: readColumn }),
  );
  if (read.kind !== "read") return read;
  return { ...read, delivery: read.delivery && shownDelivery(read.delivery, now) };
}
