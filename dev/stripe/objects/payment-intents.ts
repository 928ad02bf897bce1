/** PaymentIntents: made by the hosted page and by invoices; read, changed and canceled through the API. */
import type { Stripe } from "stripe";
import { refuseBadEmail } from "../customers/email.ts";
import { cancelIntent } from "../payments/cancel.ts";
import { invalid, noSuch } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import type { World } from "../world.ts";

function found(world: World, id: string): Stripe.PaymentIntent {
  const intent = world.paymentIntents.get(id);
  if (!intent) throw noSuch("payment_intent", id);
  return intent;
}

export const paymentIntents = [
  route<Stripe.PaymentIntentRetrieveParams>({
    verb: "GET",
    path: "/v1/payment_intents/:id",
    method: "PaymentIntentResource.retrieve",
    supports: [],
    answers: "payment_intent",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.PaymentIntentUpdateParams>({
    verb: "POST",
    path: "/v1/payment_intents/:id",
    method: "PaymentIntentResource.update",
    supports: ["description", "metadata", "receipt_email"],
    answers: "payment_intent",
    run({ world, id, params }) {
      const intent = found(world, id);
      if (params.receipt_email) refuseBadEmail(params.receipt_email, "receipt_email");
      const metadata = mergeMetadata(intent.metadata, params.metadata);
      if (params.receipt_email !== undefined) intent.receipt_email = params.receipt_email || null;
      if (params.description !== undefined) intent.description = params.description;
      intent.metadata = metadata;
      return intent;
    },
  }),
  route<Stripe.PaymentIntentCancelParams>({
    verb: "POST",
    path: "/v1/payment_intents/:id/cancel",
    method: "PaymentIntentResource.cancel",
    supports: ["cancellation_reason"],
    answers: "payment_intent",
    run({ world, id, cause, params }) {
      const intent = found(world, id);
      if (intent.status === "succeeded" || intent.status === "canceled") {
        throw invalid(
          `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with ` +
            "one of the following statuses may be canceled: requires_payment_method, requires_capture, " +
            "requires_confirmation, requires_action, processing.",
          { code: "payment_intent_unexpected_state" },
        );
      }
      const open = world.sessions
        .oldestFirst()
        .some((session) => session.payment_intent === id && session.status === "open");
      if (open) {
        throw invalid(
          "You cannot cancel the PaymentIntent of an open Checkout Session. Expire the Checkout Session instead.",
          { code: "payment_intent_unexpected_state" },
        );
      }
      cancelIntent(world, cause, intent, params.cancellation_reason ?? null);
      return intent;
    },
  }),
  route<Stripe.PaymentIntentListParams>({
    verb: "GET",
    path: "/v1/payment_intents",
    method: "PaymentIntentResource.list",
    supports: ["created", "customer", "limit", "starting_after", "ending_before"],
    answers: "payment_intent",
    run({ world, params }) {
      const all = world.paymentIntents
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ customer }) => params.customer === undefined || customer === params.customer);
      return page(all, params, "/v1/payment_intents", "payment_intent");
    },
  }),
];
