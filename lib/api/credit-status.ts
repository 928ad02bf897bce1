/** `credit-status`: what a customer has, and where each purchase and delivery truly is. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { deliveryWire } from "./deliveries.ts";
import { centsWire, millisWire, timeWire } from "./wire.ts";

const purchaseStatus = z.enum(["open", "processing", "paid", "expired", "failed", "review"]).meta({
  description:
    "open: not paid yet; processing: the bank is working on it; paid: your ducats are credited; expired, failed: not " +
    "paid; review: money came that doesn't match the order, a person looks at it.",
});

export const purchaseWire = z.strictObject({
  id: z.string(),
  status: purchaseStatus,
  pack: z.string().nullable(),
  usdCents: centsWire,
  baseMillis: millisWire,
  bonusMillis: millisWire,
  totalMillis: millisWire,
  repaidMillis: millisWire,
  deliverTo: z.enum(["venice", "wallet"]),
  citizen: z.string(),
  lastDecline: z.string().nullable(),
  openedAt: timeWire,
  paidAt: timeWire.nullable(),
  paymentUrl: z.string().nullable(),
  frozenMillis: millisWire.meta({
    description: "Set aside while a payment is disputed or its refund is on its way, thousandths of a ducat.",
  }),
  burnedMillis: millisWire.meta({
    description: "Taken back for what was refunded or lost in a dispute, thousandths of a ducat.",
  }),
  atRiskMillis: millisWire.meta({
    description: "To be set aside and not there any more, thousandths of a ducat.",
  }),
});

/** One of many, with its delivery; null while there is none, and for the wallet. */
export const listedPurchaseWire = purchaseWire.extend({ delivery: deliveryWire.nullable() });

export const creditStatusApi = declare({
  name: "credit-status",
  summary: "Your ducats",
  routes: {
    GET: {
      summary: "Balances, the citizen's purse in Venice, the last purchases and deliveries",
      auth: "session_or_key",
      answers: {
        200: z.strictObject({
          citizen: z.string(),
          walletMillis: millisWire,
          transitMillis: millisWire,
          frozenMillis: millisWire,
          heldMillis: millisWire,
          debtMillis: millisWire,
          purseMillis: millisWire
            .nullable()
            .meta({ description: "At most a minute old; null when it can't be read." }),
          purchases: z.array(listedPurchaseWire),
          deliveries: z.array(deliveryWire),
        }),
      },
      problems: ["unauthenticated", "insufficient_scope"],
      whenAway: "Refuses with 503 when the database is away; shows purseMillis null when Venice or Redis is.",
    },
  },
});
