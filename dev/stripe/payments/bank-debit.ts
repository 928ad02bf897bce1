/** Paying by bank debit: the session completes unpaid, and the bank answers days later. */
import type { Stripe } from "stripe";
import { bookCharge } from "../objects/balance-transactions.ts";
import { createCharge, receiptAddress } from "../objects/charges.ts";
import { createBankAccount, type Payer } from "../objects/payment-methods.ts";
import { onItsOwn, type World } from "../world.ts";
import type { Outcome } from "./checkout.ts";
import { frozen } from "./intent.ts";
import { adoptCustomer, complete, intentOf, storedIntent } from "./session-intent.ts";

export function payByDebit(world: World, session: Stripe.Checkout.Session, payer: Payer): Outcome {
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

/** Ends a bank debit that is on its way. @returns false when none is. */
export function settleDebit(world: World, session: Stripe.Checkout.Session, succeeds: boolean): boolean {
  const intent = storedIntent(world, session);
  const charge =
    typeof intent?.latest_charge === "string" ? world.charges.get(intent.latest_charge) : undefined;
  if (!intent || !charge || intent.status !== "processing") return false;
  if (succeeds) succeed(world, session, intent, charge);
  else fail(world, session, intent, charge);
  return true;
}

function succeed(
  world: World,
  session: Stripe.Checkout.Session,
  intent: Stripe.PaymentIntent,
  charge: Stripe.Charge,
): void {
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
}

function fail(
  world: World,
  session: Stripe.Checkout.Session,
  intent: Stripe.PaymentIntent,
  charge: Stripe.Charge,
): void {
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
}
