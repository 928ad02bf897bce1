/** `stripe-webhook`: Stripe's word on what was paid. */
import * as z from "zod";
import { declare } from "../http/declare.ts";

export const stripeWebhookApi = declare({
  name: "stripe-webhook",
  summary: "Stripe's events",
  routes: {
    POST: {
      summary: "Take one event, signed by Stripe; the raw body is what the signature covers",
      auth: "none",
      raw: true,
      maxBytes: 1024 * 1024,
      answers: { 200: z.strictObject({ received: z.literal(true), outcome: z.string() }) },
      problems: ["invalid_signature", "event_not_applied", "payments_unavailable"],
      whenAway:
        "Answers 5xx when the database is away, or Stripe where a payment has to be read anew, so that Stripe comes back.",
    },
  },
});
