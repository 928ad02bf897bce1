/** Paying by card: taken, declined, or only after its holder has proved who they are (3-D Secure). */
import type { Stripe } from "stripe";
import { createCard, type Payer } from "../objects/payment-methods.ts";
import { onItsOwn, type World } from "../world.ts";
import { bookTaking, take } from "./capture.ts";
import type { Outcome } from "./checkout.ts";
import { FAILED_PROOF, refuseCharge, refuseProof } from "./refuse.ts";
import { adoptCustomer, complete, intentOf, storedIntent } from "./session-intent.ts";
import { readCard, type Decline, type TestCard } from "./test-cards.ts";

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
export function provePayment(
  world: World,
  session: Stripe.Checkout.Session,
  completes: boolean,
): Outcome | undefined {
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
