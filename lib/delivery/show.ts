/** A delivery as its owner is shown it: late when the game's run that should have brought it is over. */
import * as z from "zod";
import { millisColumn, timeColumn } from "../db/columns.ts";

export const deliveryColumn = z.object({
  id: z.string(),
  status: z.enum(["pending", "planned", "active", "executed", "rejected", "uncertain", "cancelled"]),
  millis: millisColumn,
  citizen: z.string(),
  purchaseId: z.string().nullable(),
  createdAt: timeColumn,
  activeSince: timeColumn.nullable(),
  dueAt: timeColumn,
  concludedAt: timeColumn.nullable(),
});

type Delivery = z.output<typeof deliveryColumn>;

export function shownDelivery(delivery: Delivery, now: Date) {
  const onItsWay = ["pending", "planned", "active"].includes(delivery.status);
  const isLate = onItsWay && new Date(delivery.dueAt) < now;
  return { ...delivery, status: isLate ? ("late" as const) : delivery.status };
}
