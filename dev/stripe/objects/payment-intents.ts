/** PaymentIntents: made by the hosted page; read, changed and canceled through the API. */
import type { Stripe } from "stripe";
import { invalid, noSuch } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { cancelIntent } from "../payments/cancel.ts";
import { copy, onItsOwn, type World } from "../world.ts";
import { refuseBadEmail } from "./customers.ts";

export type NewIntent = {
  readonly amount: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly metadata: Record<string, string>;
  readonly allowed: Stripe.PaymentIntent["allowed_payment_method_types"];
  readonly methods: readonly string[];
  readonly receiptEmail: string | null;
  readonly statementDescriptor: string | null;
  readonly statementDescriptorSuffix: string | null;
  readonly later: Stripe.PaymentIntent.SetupFutureUsage | null;
};

export function newIntent(world: World, given: NewIntent): Stripe.PaymentIntent {
  const id = world.id("pi_3", 23);
  const intent: Stripe.PaymentIntent = {
    id,
    object: "payment_intent",
    allowed_payment_method_types: given.allowed,
    amount: given.amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: "automatic_async",
    client_secret: `${id}_secret_${world.id("", 25)}`,
    confirmation_method: "automatic",
    created: world.seconds(),
    currency: given.currency,
    customer: given.customer,
    customer_account: null,
    description: given.description,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: { ...given.metadata },
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: { installments: null, mandate_options: null, network: null, request_three_d_secure: "automatic" },
    },
    payment_method_types: [...given.methods],
    payment_record: null,
    processing: null,
    receipt_email: given.receiptEmail,
    review: null,
    setup_future_usage: given.later,
    shipping: null,
    source: null,
    statement_descriptor: given.statementDescriptor,
    statement_descriptor_suffix: given.statementDescriptorSuffix,
    status: "requires_payment_method",
    transfer_data: null,
    transfer_group: null,
  };
  world.paymentIntents.add(intent);
  world.emit(onItsOwn, "payment_intent.created", intent);
  return intent;
}

/** The PaymentIntent of a session's first attempt to pay. */
export function createPaymentIntent(
  world: World,
  session: Stripe.Checkout.Session,
  customer: string | null,
): Stripe.PaymentIntent {
  const data = world.insides.get(session.id)?.paymentIntentData;
  return newIntent(world, {
    amount: session.amount_total ?? 0,
    currency: session.currency ?? "usd",
    customer,
    description: data?.description ?? null,
    metadata: data?.metadata ?? {},
    allowed: session.allowed_payment_method_types,
    methods: session.payment_method_types,
    receiptEmail: data?.receiptEmail ?? null,
    statementDescriptor: data?.statementDescriptor ?? null,
    statementDescriptorSuffix: data?.statementDescriptorSuffix ?? null,
    later: null,
  });
}

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

/** The error a PaymentIntent keeps holds the payment method as it was then. */
export function frozen<T extends object>(object: T): T {
  return copy(object) as T;
}
