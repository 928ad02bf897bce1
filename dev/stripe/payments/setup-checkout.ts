/** Storing a card on the hosted page. */
import type { Stripe } from "stripe";
import { inTimeOf } from "../billing/time.ts";
import { createCard, type Payer } from "../objects/payment-methods.ts";
import { idOf } from "../reference.ts";
import { onItsOwn, type World } from "../world.ts";
import type { Means, Outcome } from "./checkout.ts";
import { FAILED_PROOF } from "./refuse.ts";
import { adoptCustomer, complete } from "./session-intent.ts";
import { confirmSetup, newSetupIntent, proveSetup } from "./setup.ts";
import { readCard, type Decline } from "./test-cards.ts";

export function storeCard(
  world: World,
  session: Stripe.Checkout.Session,
  means: Means,
  payer: Payer,
): Outcome {
  const card = means.kind === "card" ? readCard(means.number) : undefined;
  if (!card) {
    return {
      kind: "declined",
      code: "payment_method_not_available",
      message: "This means is not offered here.",
    };
  }
  if (!("number" in card)) return { kind: "declined", code: card.code, message: card.message };
  return inTimeOf(world, idOf(session.customer), () => {
    adoptCustomer(world, session, undefined, payer);
    const intent = intentOf(world, session);
    switch (confirmSetup(world, onItsOwn, intent, createCard(world, card, payer))) {
      case "stored":
        return finish(world, session, payer);
      case "asks":
        return { kind: "requires_action", paymentIntent: null };
      case "declined":
        return refused(card.decline);
    }
  });
}

function refused(decline: Decline | undefined): Outcome {
  return {
    kind: "declined",
    code: decline?.code ?? "card_declined",
    message: decline?.message ?? "Your card was declined.",
  };
}

/** @returns undefined when no proof is asked for. */
export function proveStoring(
  world: World,
  session: Stripe.Checkout.Session,
  completes: boolean,
): Outcome | undefined {
  const intent = world.billing.setupIntents.get(idOf(session.setup_intent));
  if (!intent) return undefined;
  return inTimeOf(world, idOf(session.customer), () => {
    const outcome = proveSetup(world, intent, completes);
    if (outcome === undefined) return undefined;
    if (outcome === "failed") return { kind: "declined", ...FAILED_PROOF };
    const details = session.customer_details;
    return finish(world, session, { email: details?.email ?? null, name: details?.name ?? null });
  });
}

function intentOf(world: World, session: Stripe.Checkout.Session): Stripe.SetupIntent {
  const known = world.billing.setupIntents.get(idOf(session.setup_intent));
  if (known) return known;
  const data = world.insides.get(session.id)?.setupIntentData;
  const intent = newSetupIntent(world, onItsOwn, {
    customer: idOf(session.customer) || null,
    description: data?.description ?? null,
    metadata: Object.fromEntries(
      Object.entries(data?.metadata ?? {}).map(([key, value]) => [key, String(value)]),
    ),
    usage: "off_session",
    method: null,
  });
  session.setup_intent = intent.id;
  return intent;
}

function finish(world: World, session: Stripe.Checkout.Session, payer: Payer): Outcome {
  complete(world, session, payer, "no_payment_required");
  return { kind: "paid", paymentIntent: null };
}
