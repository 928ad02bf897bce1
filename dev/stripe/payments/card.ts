/** Paying by card: taken, declined, or only after its holder has proved who they are (3-D Secure). */
import type { Stripe } from "stripe";
import { createCharge } from "../objects/charges.ts";
import { frozen } from "../objects/payment-intents.ts";
import { createCard, type Payer } from "../objects/payment-methods.ts";
import { onItsOwn, type World } from "../world.ts";
import { bookTaking, take } from "./capture.ts";
import type { Outcome } from "./checkout.ts";
import { adoptCustomer, complete, intentOf, storedIntent } from "./session-intent.ts";
import { proveStoring } from "./setup-checkout.ts";
import { proveSubscriber } from "./subscription-checkout.ts";
import { readCard, type Decline, type TestCard } from "./test-cards.ts";

export const FAILED_PROOF = {
  code: "payment_intent_authentication_failure",
  message:
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
} as const;

export function payByCard(
  world: World,
  session: Stripe.Checkout.Session,
  number: string,
  payer: Payer,
): Outcome {
  const card = readCard(number);
  if (!("number" in card)) return { kind: "declined", code: card.code, message: card.message };
  const intent = intentOf(world, session);
  if (!card.authenticates) return attempt(world, session, intent, card, payer);
  world.challenges.set(intent.id, { card, payer });
  intent.status = "requires_action";
  intent.next_action = {
    type: "redirect_to_url",
    redirect_to_url: {
      return_url: session.url,
      url: `${world.url()}/c/pay/${session.id}/authenticate`,
    },
  };
  world.emit(onItsOwn, "payment_intent.requires_action", intent);
  return { kind: "requires_action", paymentIntent: intent };
}

/** @returns undefined when no proof is asked for. */
export function authenticate(
  world: World,
  session: Stripe.Checkout.Session,
  completes: boolean,
): Outcome | undefined {
  if (session.status !== "open") return { kind: "closed", status: session.status ?? "unknown" };
  if (session.mode === "subscription") return proveSubscriber(world, session, completes);
  if (session.mode === "setup") return proveStoring(world, session, completes);
  const intent = storedIntent(world, session);
  const challenge = intent && world.challenges.get(intent.id);
  if (!challenge) return undefined;
  world.challenges.delete(intent.id);
  intent.next_action = null;
  if (completes) return attempt(world, session, intent, challenge.card, challenge.payer);
  refuseProof(world, intent, createCard(world, challenge.card, challenge.payer));
  return { kind: "declined", ...FAILED_PROOF };
}

function attempt(
  world: World,
  session: Stripe.Checkout.Session,
  intent: Stripe.PaymentIntent,
  card: TestCard,
  payer: Payer,
): Outcome {
  if (card.decline) {
    fail(world, intent, card, card.decline, payer);
    return { kind: "declined", code: card.decline.code, message: card.decline.message };
  }
  adoptCustomer(world, session, intent, payer);
  const method = createCard(world, card, payer);
  const charge = take(world, { intent, method, payer, card });
  complete(world, session, payer, "paid");
  bookTaking(world, charge);
  return { kind: "paid", paymentIntent: intent };
}

function fail(
  world: World,
  intent: Stripe.PaymentIntent,
  card: TestCard,
  decline: Decline,
  payer: Payer,
): void {
  refuseCharge(world, { intent, method: createCard(world, card, payer), card, decline, payer });
}

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
