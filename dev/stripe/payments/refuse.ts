/** A bank refuses a card: its charge, or the proof of who holds it. The PaymentIntent keeps why. */
import type { Stripe } from "stripe";
import { createCharge } from "../objects/charges.ts";
import type { Payer } from "../objects/payment-methods.ts";
import { onItsOwn, type World } from "../world.ts";
import { frozen } from "./intent.ts";
import type { Decline, TestCard } from "./test-cards.ts";

export const FAILED_PROOF = {
  code: "payment_intent_authentication_failure",
  message:
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
} as const;

export type RefusedCharge = {
  readonly intent: Stripe.PaymentIntent;
  readonly method: Stripe.PaymentMethod;
  readonly card: TestCard;
  readonly decline: Decline;
  readonly payer: Payer;
};

/** A charge that the bank declines, and the PaymentIntent that waits for another means. */
export function refuseCharge(world: World, { intent, method, card, decline, payer }: RefusedCharge): void {
  const charge = createCharge(world, {
    paymentIntent: intent,
    paymentMethod: method,
    payer,
    card,
    status: "failed",
  });
  intent.status = "requires_payment_method";
  intent.latest_charge = charge.id;
  intent.payment_method = null;
  intent.next_action = null;
  intent.last_payment_error = {
    advice_code: "try_again_later",
    charge: charge.id,
    code: decline.code,
    ...(decline.declineCode === undefined ? {} : { decline_code: decline.declineCode }),
    doc_url: docOf(decline.code),
    message: decline.message,
    payment_method: frozen(method),
    type: "card_error",
  };
  world.emit(onItsOwn, "charge.failed", charge);
  world.emit(onItsOwn, "payment_intent.payment_failed", intent);
}

/** The holder did not prove who they are: the PaymentIntent waits for another means. */
export function refuseProof(world: World, intent: Stripe.PaymentIntent, method: Stripe.PaymentMethod): void {
  intent.status = "requires_payment_method";
  intent.payment_method = null;
  intent.next_action = null;
  intent.last_payment_error = {
    ...FAILED_PROOF,
    doc_url: docOf(FAILED_PROOF.code),
    payment_method: frozen(method),
    type: "invalid_request_error",
  };
  world.emit(onItsOwn, "payment_intent.payment_failed", intent);
}

function docOf(code: string): string {
  return `https://stripe.com/docs/error-codes/${code.replaceAll("_", "-")}`;
}
