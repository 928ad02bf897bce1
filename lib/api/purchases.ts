/** `purchases`: what was bought, and everything that happened to it. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { listedPurchaseWire, purchaseWire } from "./credit-status.ts";
import { deliveryWire } from "./deliveries.ts";
import { centsWire, millisWire, timeWire } from "./wire.ts";

const databaseAway = "Refuses with 503 when the database is away.";

const reason = z.string().nullable();

const stepWire = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("ordered"), at: timeWire, usdCents: centsWire }),
    z.strictObject({ kind: z.enum(["declined", "failed"]), at: timeWire, reason }),
    z.strictObject({ kind: z.enum(["processing", "expired"]), at: timeWire }),
    z.strictObject({ kind: z.literal("set_aside"), at: timeWire, usdCents: centsWire, currency: z.string() }),
    z.strictObject({ kind: z.literal("paid"), at: timeWire, usdCents: centsWire }),
    z.strictObject({
      kind: z.literal("credited"),
      at: timeWire,
      millis: millisWire,
      repaidMillis: millisWire,
    }),
    z.strictObject({ kind: z.literal("delivery"), at: timeWire, deliveryId: z.string(), status: z.string() }),
    z.strictObject({ kind: z.enum(["refund_asked", "refund_refused"]), at: timeWire, usdCents: centsWire }),
    z.strictObject({
      kind: z.enum(["corrected", "correction_undone"]),
      at: timeWire,
      why: z.enum(["not_paid", "underpaid", "overpaid"]),
      usdCents: centsWire,
    }),
    z.strictObject({
      kind: z.literal("refund"),
      at: timeWire,
      id: z.string(),
      usdCents: centsWire,
      status: z.enum(["pending", "requires_action", "succeeded", "failed", "canceled"]),
    }),
    z.strictObject({
      kind: z.literal("dispute"),
      at: timeWire,
      id: z.string(),
      usdCents: centsWire,
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
    z.strictObject({
      kind: z.literal("recall"),
      at: timeWire,
      millis: millisWire,
      status: z.enum(["asked", "done", "failed"]),
    }),
  ])
  .meta({
    description:
      "set_aside: money came that doesn't match the order, a person looks at it; corrected: the payment provider has nothing, less or more " +
      "of the money than was credited, by usdCents; refund, dispute: each status it came to, and when we knew of it; recall: refunded " +
      "ducats fetched back from Venice, into the wallet where they repay no debt, since `at`, with the status it has now. The others " +
      "happened at `at`.",
  });

export const purchasesApi = declare({
  name: "purchases",
  summary: "Purchases",
  routes: {
    GET: {
      summary: "Your purchases, the newest first",
      auth: "session_or_key",
      query: z.strictObject({
        before: z.iso
          .datetime("must be an ISO 8601 time in UTC")
          .optional()
          .meta({ description: "Ordered before this: the last one's openedAt of the page before." }),
      }),
      answers: { 200: z.strictObject({ purchases: z.array(listedPurchaseWire) }) },
      problems: ["unauthenticated", "insufficient_scope"],
      whenAway: databaseAway,
    },
    "GET /{id}": {
      summary: "One purchase, with all that happened to it; support and admins may name anybody's",
      auth: "session_or_key",
      answers: {
        200: z.strictObject({
          purchase: purchaseWire,
          paymentPages: z.array(z.strictObject({ attempt: z.int(), expiresAt: timeWire })),
          delivery: deliveryWire.nullable(),
          timeline: z.array(stepWire),
        }),
      },
      problems: ["unauthenticated", "insufficient_scope", "not_found"],
      whenAway: databaseAway,
    },
  },
});
