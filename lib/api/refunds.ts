/** `refunds`: money back, asked for by an admin. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { cents } from "../money.ts";
import { centsWire, textWire } from "./wire.ts";

export const refundsApi = declare({
  name: "refunds",
  summary: "Refunds (admin)",
  routes: {
    POST: {
      summary:
        "Refund a purchase, or a payment that was set aside, wholly or in part; needs an Idempotency-Key, the same for each retry",
      auth: "session",
      idempotencyKey: true,
      body: z
        .strictObject({
          purchaseId: textWire.optional(),
          payment: textWire.optional().meta({ description: "A payment that was set aside (pi_…)." }),
          amountCents: z
            .int("must be a whole number of cents")
            .min(1, "must be at least 1")
            .max(100_000_000, "must be at most 100000000")
            .transform((value) => cents(BigInt(value)))
            .optional()
            .meta({ description: "All that is left when left out." }),
          reason: textWire.trim().min(1, "must not be empty").max(500, "must have at most 500 characters"),
        })
        .transform(({ purchaseId, payment, ...rest }, context) => {
          if (purchaseId !== undefined && payment === undefined) return { of: { purchaseId }, ...rest };
          if (payment !== undefined && purchaseId === undefined) return { of: { payment }, ...rest };
          context.addIssue({
            code: "custom",
            path: ["purchaseId"],
            message: "give either purchaseId or payment",
          });
          return z.NEVER;
        }),
      answers: {
        201: z.strictObject({
          id: z.string(),
          state: z.enum(["asked", "made"]).meta({
            description: "asked: Stripe has not answered yet and is asked again until it has.",
          }),
          purchaseId: z.string(),
          payment: z.string(),
          amountCents: centsWire,
        }),
      },
      problems: [
        "unauthenticated",
        "not_found",
        "not_refundable",
        "refund_refused",
        "idempotency_key_required",
        "idempotency_key_reused",
      ],
      whenAway:
        "Refuses with 503 when the database is away. With Stripe away the refund is kept, and asked for later.",
    },
  },
});
