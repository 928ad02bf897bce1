/** `create-checkout`: an order becomes a payment page. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { oneOrder, orderShape, promotionProblems } from "./order.ts";
import { millisWire, timeWire } from "./wire.ts";

export const createCheckoutApi = declare({
  name: "create-checkout",
  summary: "Buy ducats",
  routes: {
    POST: {
      summary:
        "Open a payment page for a quote, or for a pack or a custom amount at the rate of now; needs an Idempotency-Key, the same for each retry",
      auth: "session",
      form: true,
      idempotencyKey: true,
      body: z
        .strictObject({
          ...orderShape,
          quote: z
            .string()
            .min(1, "must not be empty")
            .max(2_000, "must have at most 2000 characters")
            .optional()
            .meta({ description: "What quote answered, in place of all else." }),
        })
        .transform(({ pack, amountCents, deliverTo, promotionCode, quote }, context) => {
          if (quote === undefined) {
            const order = oneOrder({ pack, amountCents }, context, "give one of pack, amountCents and quote");
            return { kind: "ordered" as const, order, deliverTo: deliverTo ?? "venice", promotionCode };
          }
          const more = Object.entries({ pack, amountCents, deliverTo, promotionCode }).find(
            ([, value]) => value !== undefined,
          );
          if (!more) return { kind: "quoted" as const, quote };
          context.addIssue({ code: "custom", path: [more[0]], message: "is in the quote" });
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
        "citizen_changed",
        "quote_invalid",
        "quote_expired",
        "quote_used",
        "price_expired",
        "price_mismatch",
        "limit_reached",
        ...promotionProblems,
        "reserve_too_low",
        "limiter_unavailable",
        "payments_unavailable",
        "venice_unavailable",
      ],
      whenAway: "Refuses with 503 when Venice, Redis, Stripe or the database is away: no money is taken.",
    },
  },
});
