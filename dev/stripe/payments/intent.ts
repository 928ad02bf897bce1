/** Makes a PaymentIntent: for a session that is paid on the hosted page, or for an invoice. */
import type { Stripe } from "stripe";
import { copy, onItsOwn, type World } from "../world.ts";

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

/** The error a PaymentIntent keeps holds the payment method as it was then. */
export function frozen<T extends object>(object: T): T {
  return copy(object) as T;
}
