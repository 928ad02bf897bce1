/** SetupIntents: a card is stored for payments that come later. */
import type { Stripe } from "stripe";
import { declined } from "../billing/refusals.ts";
import { inTimeOf } from "../billing/time.ts";
import { customerNamed } from "../customers/find.ts";
import { confirmSetup, newSetupIntent } from "../payments/setup.ts";
import { invalid, noSuch, unsupported } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";

const waiting: readonly string[] = ["requires_payment_method", "requires_confirmation", "requires_action"];

function found(world: World, id: string): Stripe.SetupIntent {
  const intent = world.billing.setupIntents.get(id);
  if (!intent) throw noSuch("setupintent", id, "intent");
  return intent;
}

function confirm(world: World, cause: Cause, intent: Stripe.SetupIntent, methodId: string | undefined): void {
  if (intent.status === "succeeded" || intent.status === "canceled") {
    throw invalid(
      `You cannot confirm this SetupIntent because it has a status of ${intent.status}. Only a SetupIntent with one of ` +
        "the following statuses may be confirmed: requires_payment_method, requires_confirmation, requires_action.",
      { code: "setup_intent_unexpected_state" },
    );
  }
  const id = methodId ?? idOf(intent.payment_method);
  const method = world.paymentMethods.get(id);
  const held = world.billing.cards.get(id);
  if (!method || !held) throw noSuch("PaymentMethod", id);
  const outcome = confirmSetup(world, cause, intent, method);
  if (outcome === "declined" && held.card.decline) throw declined(held.card.decline);
}

export const setupIntents = [
  route<Stripe.SetupIntentCreateParams>({
    verb: "POST",
    path: "/v1/setup_intents",
    method: "SetupIntentResource.create",
    supports: [
      "allowed_payment_method_types",
      "automatic_payment_methods",
      "confirm",
      "customer",
      "description",
      "metadata",
      "payment_method",
      "usage",
    ],
    answers: "setup_intent",
    run({ world, cause, params }) {
      const customer =
        params.customer === undefined ? null : customerNamed(world, params.customer, "customer");
      const other = params.allowed_payment_method_types?.find((each) => each !== "card");
      if (other !== undefined) throw unsupported(`storing '${other}'`, "allowed_payment_method_types");
      if (params.payment_method !== undefined && !world.paymentMethods.get(params.payment_method)) {
        throw noSuch("PaymentMethod", params.payment_method);
      }
      return inTimeOf(world, customer?.id ?? "", () => {
        const intent = newSetupIntent(world, cause, {
          customer: customer?.id ?? null,
          description: params.description ?? null,
          metadata: mergeMetadata(null, params.metadata),
          usage: params.usage ?? "off_session",
          method: params.payment_method ?? null,
        });
        if (params.confirm === true) confirm(world, cause, intent, params.payment_method);
        return intent;
      });
    },
  }),
  route<Stripe.SetupIntentRetrieveParams>({
    verb: "GET",
    path: "/v1/setup_intents/:id",
    method: "SetupIntentResource.retrieve",
    supports: [],
    answers: "setup_intent",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.SetupIntentConfirmParams>({
    verb: "POST",
    path: "/v1/setup_intents/:id/confirm",
    method: "SetupIntentResource.confirm",
    supports: ["payment_method", "return_url"],
    answers: "setup_intent",
    run({ world, id, cause, params }) {
      const intent = found(world, id);
      confirm(world, cause, intent, params.payment_method);
      return intent;
    },
  }),
  route<Stripe.SetupIntentCancelParams>({
    verb: "POST",
    path: "/v1/setup_intents/:id/cancel",
    method: "SetupIntentResource.cancel",
    supports: ["cancellation_reason"],
    answers: "setup_intent",
    run({ world, id, cause, params }) {
      const intent = found(world, id);
      if (!waiting.includes(intent.status)) {
        throw invalid(`You cannot cancel this SetupIntent because it has a status of ${intent.status}.`, {
          code: "setup_intent_unexpected_state",
        });
      }
      intent.status = "canceled";
      intent.cancellation_reason = params.cancellation_reason ?? null;
      intent.next_action = null;
      world.emit(cause, "setup_intent.canceled", intent);
      return intent;
    },
  }),
  route<Stripe.SetupIntentListParams>({
    verb: "GET",
    path: "/v1/setup_intents",
    method: "SetupIntentResource.list",
    supports: ["created", "customer", "payment_method", "limit", "starting_after", "ending_before"],
    answers: "setup_intent",
    run({ world, params }) {
      const all = world.billing.setupIntents
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ customer }) => params.customer === undefined || customer === params.customer)
        .filter(
          ({ payment_method: method }) =>
            params.payment_method === undefined || method === params.payment_method,
        );
      return page(all, params, "/v1/setup_intents", "setup_intent");
    },
  }),
];
