/** A charge that takes the money at once, and the PaymentIntent it fulfils. */
import type { Stripe } from "stripe";
import { openDispute } from "../disputes/open.ts";
import { bookCharge } from "../objects/balance-transactions.ts";
import { createCharge } from "../objects/charges.ts";
import type { Payer } from "../objects/payment-methods.ts";
import { copy, onItsOwn, type World } from "../world.ts";
import type { TestCard } from "./test-cards.ts";

export type Taking = {
  readonly intent: Stripe.PaymentIntent;
  readonly method: Stripe.PaymentMethod;
  readonly payer: Payer;
  readonly card: TestCard | undefined;
};

/** What it does to the balance is not known yet: Stripe adds that a moment later, `bookTaking`. */
export function take(world: World, { intent, method, payer, card }: Taking): Stripe.Charge {
  const charge = createCharge(world, {
    paymentIntent: intent,
    paymentMethod: method,
    payer,
    card,
    status: "succeeded",
  });
  world.emit(onItsOwn, "charge.succeeded", charge);
  // A test card's dispute comes before the PaymentIntent is known to have succeeded: so it is with Stripe.
  if (card?.dispute) openDispute(world, onItsOwn, charge, card.dispute);
  fulfil(world, intent, charge, method);
  return charge;
}

function fulfil(
  world: World,
  intent: Stripe.PaymentIntent,
  charge: Stripe.Charge,
  method: Stripe.PaymentMethod,
): void {
  intent.status = "succeeded";
  intent.amount_received = intent.amount;
  intent.latest_charge = charge.id;
  intent.payment_method = method.id;
  intent.last_payment_error = null;
  intent.next_action = null;
  world.emit(onItsOwn, "payment_intent.succeeded", intent);
}

export function bookTaking(world: World, charge: Stripe.Charge): void {
  const before = copy(charge);
  charge.balance_transaction = bookCharge(world, charge).id;
  world.emit(onItsOwn, "charge.updated", charge, before);
}
