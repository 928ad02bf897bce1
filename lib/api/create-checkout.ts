/** `create-checkout`: an order becomes a payment page. */
import * as z from "zod";
import { customBounds, packIds } from "../catalog/packs.ts";
import { declare } from "../http/declare.ts";
import { cents } from "../money.ts";
import { millisWire, timeWire } from "./wire.ts";

const dollars = (amount: bigint): string => `$${(amount / 100n).toLocaleString("en-US")}`;

export const createCheckoutApi = declare({
  name: "create-checkout",
  summary: "Buy ducats",
  routes: {
    POST: {
      summary:
        "Open a payment page for a pack or a custom amount; needs an Idempotency-Key, the same for each retry",
      auth: "session",
      form: true,
      idempotencyKey: true,
      body: z
        .strictObject({
          pack: z.enum(packIds).optional(),
          amountCents: z
            .int("must be a whole number of cents")
            .min(
              Number(customBounds.min),
              `must be at least ${dollars(customBounds.min)} (${customBounds.min} cents)`,
            )
            .max(
              Number(customBounds.max),
              `must be at most ${dollars(customBounds.max)} (${customBounds.max} cents)`,
            )
            .transform((value) => cents(BigInt(value)))
            .optional(),
          deliverTo: z.enum(["venice", "wallet"]).default("venice"),
        })
        .transform(({ pack, amountCents, deliverTo }, context) => {
          if (pack !== undefined && amountCents === undefined) return { order: { pack }, deliverTo };
          if (amountCents !== undefined && pack === undefined) return { order: { amountCents }, deliverTo };
          context.addIssue({ code: "custom", path: ["pack"], message: "give either pack or amountCents" });
          return z.NEVER;
        }),
      answers: {
        201: z.strictObject({
          purchaseId: z.string(),
          url: z.string(),
          expiresAt: timeWire,
          debtMillis: millisWire.meta({ description: "What you owe; the purchase repays it first." }),
        }),
        303: null,
      },
      problems: [
        "unauthenticated",
        "idempotency_key_required",
        "idempotency_key_reused",
        "already_paid",
        "payment_processing",
        "payment_in_review",
        "rate_limited",
        "unknown_citizen",
        "reserve_too_low",
        "limiter_unavailable",
        "payments_unavailable",
        "venice_unavailable",
      ],
      whenAway: "Refuses with 503 when Venice, Redis, Stripe or the database is away: no money is taken.",
    },
  },
});
