/** A Checkout Session and its PaymentIntent: found, made, and brought to their ends. */
import type { Stripe } from "stripe";
import { createCustomer } from "../customers/create.ts";
import { detailsOf } from "../objects/checkout-sessions.ts";
import type { Payer } from "../objects/payment-methods.ts";
import { idOf } from "../reference.ts";
import { onItsOwn, type World } from "../world.ts";
import { newIntent } from "./intent.ts";

/** A declined attempt leaves its PaymentIntent behind; the next attempt takes it up again. */
export function intentOf(world: World, session: Stripe.Checkout.Session): Stripe.PaymentIntent {
  const known = storedIntent(world, session);
  if (known) {
    // Another means of payment ends a proof that was asked for with the last.
    world.challenges.delete(known.id);
    known.next_action = null;
    return known;
  }
  const customer = typeof session.customer === "string" ? session.customer : null;
  const intent = createPaymentIntent(world, session, customer);
  session.payment_intent = intent.id;
  return intent;
}

/** The PaymentIntent of a session's first attempt to pay. */
function createPaymentIntent(
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

export function storedIntent(
  world: World,
  session: Stripe.Checkout.Session,
): Stripe.PaymentIntent | undefined {
  return world.paymentIntents.get(idOf(session.payment_intent));
}

/** A session that always makes a customer makes it when it is paid; one without a payment has no PaymentIntent. */
export function adoptCustomer(
  world: World,
  session: Stripe.Checkout.Session,
  intent: Stripe.PaymentIntent | undefined,
  payer: Payer,
): void {
  if (session.customer_creation !== "always" || session.customer !== null) return;
  const customer = createCustomer(world, onItsOwn, {
    ...(payer.email === null ? {} : { email: payer.email }),
    name: payer.name,
  });
  session.customer = customer.id;
  if (intent) intent.customer = customer.id;
}

export function complete(
  world: World,
  session: Stripe.Checkout.Session,
  payer: Payer,
  status: "paid" | "unpaid" | "no_payment_required",
): void {
  session.status = "complete";
  session.payment_status = status;
  session.url = null;
  session.customer_details = detailsOf(payer.email, payer.name);
  world.emit(onItsOwn, "checkout.session.completed", session);
}
