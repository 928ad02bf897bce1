/** A purchase as the database tells its owner of it. */
import * as z from "zod";
import { centsColumn, millisColumn, timeColumn } from "../db/columns.ts";
import { deliveryColumn, shownDelivery } from "../delivery/show.ts";

export const purchaseColumn = z.object({
  id: z.string(),
  status: z.enum(["open", "processing", "paid", "expired", "failed", "review"]),
  pack: z.string().nullable(),
  usdCents: centsColumn,
  baseMillis: millisColumn,
  bonusMillis: millisColumn,
  totalMillis: millisColumn,
  repaidMillis: millisColumn,
  deliverTo: z.enum(["venice", "wallet"]),
  citizen: z.string(),
  lastDecline: z.string().nullable(),
  openedAt: timeColumn,
  paidAt: timeColumn.nullable(),
  paymentUrl: z.string().nullable(),
  frozenMillis: millisColumn,
  burnedMillis: millisColumn,
  atRiskMillis: millisColumn,
});

/** One of many, with its delivery. */
export const listedPurchaseColumn = purchaseColumn.extend({ delivery: deliveryColumn.nullable() });

export function shownPurchase(purchase: z.output<typeof listedPurchaseColumn>, now: Date) {
  return { ...purchase, delivery: purchase.delivery && shownDelivery(purchase.delivery, now) };
}
