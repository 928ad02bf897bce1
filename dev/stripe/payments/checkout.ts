/** What happens when somebody pays on the hosted page: the objects that change and the events that follow. */
import type { Stripe } from "stripe";
import { bookCharge } from "../objects/balance.ts";
import { createCharge, receiptAddress } from "../objects/charges.ts";
import { detailsOf } from "../objects/checkout-sessions.ts";
import { createCustomer } from "../objects/customers.ts";
import { createPaymentIntent, frozen } from "../objects/payment-intents.ts";
import { createBankAccount, createCard, type Payer } from "../objects/payment-methods.ts";
import { onItsOwn, type World } from "../world.ts";
import { readCard, SUCCESS_NUMBER, type Decline, type TestCard } from "./test-cards.ts";

export type Means = { readonly kind: "card"; readonly number: string } | { readonly kind: "bank_debit" };

export type Payment = {
  readonly means: Means;
  readonly email?: string | undefined;
  readonly name?: string | undefined;
};

export type Outcome =
  | { readonly kind: "paid" | "processing"; readonly paymentIntent: Stripe.PaymentIntent | null }
  | { readonly kind: "declined"; readonly code: string; readonly message: string }
  | { readonly kind: "closed"; readonly status: string };

export const withSuccess: Means = { kind: "card", number: SUCCESS_NUMBER };

export function paySession(world: World, session: Stripe.Checkout.Session, payment: Payment): Outcome {
  if (session.status !== "open") return { kind: "closed", status: session.status ?? "unknown" };
  const payer: Payer = {
    email: session.customer_details?.email ?? payment.email ?? null,
    name: payment.name ?? session.customer_details?.name ?? null,
  };
  if (session.amount_total === 0) {
    complete(world, session, payer, "no_payment_required");
    return { kind: "paid", paymentIntent: null };
  }
  if (payment.means.kind === "bank_debit") return debit(world, session, payer);
  const card = readCard(payment.means.number);
  if (!("number" in card)) return { kind: "declined", code: card.code, message: card.message };
  const intent = intentOf(world, session);
  if (card.decline) {
    fail(world, intent, card, card.decline, payer);
    return { kind: "declined", code: card.decline.code, message: card.decline.message };
  }
  adoptCustomer(world, session, intent, payer);
  succeed(world, intent, card, payer);
  complete(world, session, payer, "paid");
  return { kind: "paid", paymentIntent: intent };
}

/**
 * The same customer pays the same purchase a second time, from another session opened with the same parameters: a
 * second Checkout Session and a second PaymentIntent, both with the first one's metadata.
 */
export function paySessionAgain(world: World, first: Stripe.Checkout.Session, payment: Payment): Outcome {
  const inside = world.insides.get(first.id);
  const id = world.id("cs_test_", 60);
  if (inside) world.insides.set(id, inside);
  const twin = world.sessions.add({
    ...structuredClone(first),
    id,
    created: world.seconds(),
    payment_intent: null,
    payment_status: first.amount_total === 0 ? "no_payment_required" : "unpaid",
    status: "open",
    url: `${world.url()}/c/pay/${id}`,
  });
  return paySession(world, twin, payment);
}

/** Ends a bank debit that is on its way. */
export function settleDebit(world: World, session: Stripe.Checkout.Session, succeeds: boolean): boolean {
  const intent = storedIntent(world, session);
  const charge =
    typeof intent?.latest_charge === "string" ? world.charges.get(intent.latest_charge) : undefined;
  if (!intent || !charge || intent.status !== "processing") return false;
  if (succeeds) {
    charge.status = "succeeded";
    charge.captured = true;
    charge.amount_captured = charge.amount;
    charge.receipt_url = receiptAddress(world, charge.id);
    charge.balance_transaction = bookCharge(world, charge).id;
    intent.status = "succeeded";
    intent.amount_received = intent.amount;
    session.payment_status = "paid";
    world.emit(onItsOwn, "charge.succeeded", charge);
    world.emit(onItsOwn, "payment_intent.succeeded", intent);
    world.emit(onItsOwn, "checkout.session.async_payment_succeeded", session);
    return true;
  }
  const method =
    typeof intent.payment_method === "string" ? world.paymentMethods.get(intent.payment_method) : undefined;
  charge.status = "failed";
  charge.paid = false;
  charge.failure_code = "debit_not_authorized";
  charge.failure_message = "The customer has notified their bank that this payment was unauthorized.";
  intent.status = "requires_payment_method";
  intent.payment_method = null;
  intent.last_payment_error = {
    charge: charge.id,
    code: "debit_not_authorized",
    message: charge.failure_message,
    ...(method ? { payment_method: frozen(method) } : {}),
    type: "invalid_request_error",
  };
  world.emit(onItsOwn, "charge.failed", charge);
  world.emit(onItsOwn, "payment_intent.payment_failed", intent);
  world.emit(onItsOwn, "checkout.session.async_payment_failed", session);
  return true;
}

/** A declined attempt leaves its PaymentIntent behind; the next attempt takes it up again. */
function intentOf(world: World, session: Stripe.Checkout.Session): Stripe.PaymentIntent {
  const known = storedIntent(world, session);
  if (known) return known;
  const customer = typeof session.customer === "string" ? session.customer : null;
  const intent = createPaymentIntent(world, session, customer);
  session.payment_intent = intent.id;
  return intent;
}

function storedIntent(world: World, session: Stripe.Checkout.Session): Stripe.PaymentIntent | undefined {
  return typeof session.payment_intent === "string"
    ? world.paymentIntents.get(session.payment_intent)
    : undefined;
}

function succeed(world: World, intent: Stripe.PaymentIntent, card: TestCard, payer: Payer): void {
  const method = createCard(world, card, payer);
  const charge = createCharge(world, {
    paymentIntent: intent,
    paymentMethod: method,
    payer,
    card,
    status: "succeeded",
  });
  charge.balance_transaction = bookCharge(world, charge).id;
  intent.status = "succeeded";
  intent.amount_received = intent.amount;
  intent.latest_charge = charge.id;
  intent.payment_method = method.id;
  intent.last_payment_error = null;
  world.emit(onItsOwn, "charge.succeeded", charge);
  world.emit(onItsOwn, "payment_intent.succeeded", intent);
}

function fail(
  world: World,
  intent: Stripe.PaymentIntent,
  card: TestCard,
  decline: Decline,
  payer: Payer,
): void {
  const method = createCard(world, card, payer);
  const charge = createCharge(world, {
    paymentIntent: intent,
    paymentMethod: method,
    payer,
    card,
    status: "failed",
  });
  intent.latest_charge = charge.id;
  intent.last_payment_error = {
    advice_code: "try_again_later",
    charge: charge.id,
    code: decline.code,
    ...(decline.declineCode === undefined ? {} : { decline_code: decline.declineCode }),
    doc_url: `https://stripe.com/docs/error-codes/${decline.code.replaceAll("_", "-")}`,
    message: decline.message,
    payment_method: frozen(method),
    type: "card_error",
  };
  world.emit(onItsOwn, "charge.failed", charge);
  world.emit(onItsOwn, "payment_intent.payment_failed", intent);
}

function debit(world: World, session: Stripe.Checkout.Session, payer: Payer): Outcome {
  if (!session.payment_method_types.includes("us_bank_account")) {
    return {
      kind: "declined",
      code: "payment_method_not_available",
      message: "Bank debit is not offered here.",
    };
  }
  const intent = intentOf(world, session);
  adoptCustomer(world, session, intent, payer);
  const method = createBankAccount(world, payer);
  const charge = createCharge(world, {
    paymentIntent: intent,
    paymentMethod: method,
    payer,
    card: undefined,
    status: "pending",
  });
  intent.status = "processing";
  intent.latest_charge = charge.id;
  intent.payment_method = method.id;
  intent.last_payment_error = null;
  world.emit(onItsOwn, "charge.pending", charge);
  world.emit(onItsOwn, "payment_intent.processing", intent);
  complete(world, session, payer, "unpaid");
  return { kind: "processing", paymentIntent: intent };
}

function adoptCustomer(
  world: World,
  session: Stripe.Checkout.Session,
  intent: Stripe.PaymentIntent,
  payer: Payer,
): void {
  if (session.customer_creation !== "always" || session.customer !== null) return;
  const customer = createCustomer(world, onItsOwn, {
    ...(payer.email === null ? {} : { email: payer.email }),
    name: payer.name,
  });
  session.customer = customer.id;
  intent.customer = customer.id;
}

function complete(
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
