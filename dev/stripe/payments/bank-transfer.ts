/** Paying by bank transfer: the session completes unpaid, and the customer sends the money when they like, or never. */
import type { Stripe } from "stripe";
import { createCustomerBalance, type Payer } from "../objects/payment-methods.ts";
import { onItsOwn, type World } from "../world.ts";
import { bookTaking, take } from "./capture.ts";
import type { Outcome } from "./checkout.ts";
import { cancelIntent } from "./cancel.ts";
import { complete, intentOf, storedIntent } from "./session-intent.ts";

export function payByTransfer(world: World, session: Stripe.Checkout.Session, payer: Payer): Outcome {
  const intent = intentOf(world, session);
  const method = createCustomerBalance(world, payer);
  intent.status = "requires_action";
  intent.payment_method = method.id;
  intent.last_payment_error = null;
  intent.next_action = {
    type: "display_bank_transfer_instructions",
    display_bank_transfer_instructions: {
      amount_remaining: intent.amount,
      currency: intent.currency,
      financial_addresses: [],
      hosted_instructions_url: `${world.url()}/c/transfer/${session.id}`,
      reference: null,
      type: "us_bank_transfer",
    },
  };
  world.emit(onItsOwn, "payment_intent.requires_action", intent);
  complete(world, session, payer, "unpaid");
  return { kind: "processing", paymentIntent: intent };
}

/** Ends the wait for a transfer: it arrives, or the PaymentIntent is given up. @returns false when none is awaited. */
export function settleTransfer(world: World, session: Stripe.Checkout.Session, arrives: boolean): boolean {
  const intent = storedIntent(world, session);
  const method =
    typeof intent?.payment_method === "string" ? world.paymentMethods.get(intent.payment_method) : undefined;
  if (session.status !== "complete" || intent?.status !== "requires_action" || !method) return false;
  if (!arrives) {
    cancelIntent(world, onItsOwn, intent, "automatic");
    world.emit(onItsOwn, "checkout.session.async_payment_failed", session);
    return true;
  }
  const payer: Payer = {
    email: session.customer_details?.email ?? null,
    name: session.customer_details?.name ?? null,
  };
  const charge = take(world, { intent, method, payer, card: undefined });
  session.payment_status = "paid";
  world.emit(onItsOwn, "checkout.session.async_payment_succeeded", session);
  bookTaking(world, charge);
  return true;
}
