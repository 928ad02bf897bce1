/** Subscribing on the hosted page: the subscription is made when its card has been taken. */
import type { Stripe } from "stripe";
import { readTrial } from "../billing/read.ts";
import { startSubscription } from "../billing/start.ts";
import { inTimeOf } from "../billing/time.ts";
import { createCustomer } from "../customers/create.ts";
import type { Applied } from "../discounts/apply.ts";
import { createCard, keepMethod, type Payer } from "../objects/payment-methods.ts";
import { idOf } from "../reference.ts";
import { onItsOwn, type World } from "../world.ts";
import type { Means, Outcome } from "./checkout.ts";
import { FAILED_PROOF } from "./refuse.ts";
import { complete } from "./session-intent.ts";
import { readCard, type TestCard } from "./test-cards.ts";

export function subscribe(
  world: World,
  session: Stripe.Checkout.Session,
  means: Means,
  payer: Payer,
): Outcome {
  if (session.amount_total === 0 && session.payment_method_collection === "if_required") {
    return begin(world, session, payer, undefined);
  }
  if (means.kind !== "card") {
    return {
      kind: "declined",
      code: "payment_method_not_available",
      message: "This means of payment is not offered here.",
    };
  }
  const card = readCard(means.number);
  if (!("number" in card)) return { kind: "declined", code: card.code, message: card.message };
  world.challenges.delete(session.id);
  if (card.authenticates) {
    world.challenges.set(session.id, { card, payer });
    return { kind: "requires_action", paymentIntent: null };
  }
  return take(world, session, payer, card);
}

/** @returns undefined when no proof is asked for. */
export function proveSubscriber(
  world: World,
  session: Stripe.Checkout.Session,
  completes: boolean,
): Outcome | undefined {
  const challenge = world.challenges.get(session.id);
  if (!challenge) return undefined;
  world.challenges.delete(session.id);
  if (!completes) return { kind: "declined", ...FAILED_PROOF };
  return take(world, session, challenge.payer, challenge.card);
}

/** A card that pays later only need be one that can be stored. */
function take(world: World, session: Stripe.Checkout.Session, payer: Payer, card: TestCard): Outcome {
  const isStoredOnly = session.amount_total === 0 && card.attaches === true;
  if (card.decline && !isStoredOnly) {
    return { kind: "declined", code: card.decline.code, message: card.decline.message };
  }
  return begin(world, session, payer, card);
}

function begin(
  world: World,
  session: Stripe.Checkout.Session,
  payer: Payer,
  card: TestCard | undefined,
): Outcome {
  const customer = world.customers.get(idOf(session.customer)) ?? newCustomer(world, payer);
  return inTimeOf(world, customer.id, () => {
    const method = card && createCard(world, card, payer);
    if (card && method) {
      world.billing.cards.set(method.id, { card, proven: true });
      keepMethod(world, onItsOwn, method, customer.id);
    }
    session.customer = customer.id;
    const data = world.insides.get(session.id)?.subscriptionData;
    const { subscription, invoice } = startSubscription(world, onItsOwn, {
      customer,
      items: itemsOf(world, session),
      trialEnd: readTrial(world, data ?? {}, "subscription_data"),
      metadata: metadataOf(data?.metadata),
      description: data?.description ?? null,
      method: method?.id ?? null,
      missingMethod: data?.trial_settings?.end_behavior.missing_payment_method ?? "create_invoice",
      discount: discountOf(world, session),
      collects: true,
      present: true,
    });
    session.subscription = subscription.id;
    session.invoice = invoice.id;
    complete(world, session, payer, session.amount_total === 0 ? "no_payment_required" : "paid");
    return { kind: "paid", paymentIntent: null };
  });
}

function newCustomer(world: World, payer: Payer): Stripe.Customer {
  return createCustomer(world, onItsOwn, {
    ...(payer.email === null ? {} : { email: payer.email }),
    name: payer.name,
  });
}

function itemsOf(world: World, session: Stripe.Checkout.Session) {
  return (world.insides.get(session.id)?.lineItems ?? []).flatMap(({ price, quantity, metadata }) =>
    price ? [{ price, quantity: quantity ?? 1, metadata: { ...metadata } }] : [],
  );
}

/** Metadata was checked when the session was made. */
function metadataOf(given: Record<string, string | number | null> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given ?? {}).flatMap(([key, value]) =>
      value === null || value === "" ? [] : [[key, String(value)]],
    ),
  );
}

/** The session has redeemed it already. */
function discountOf(world: World, session: Stripe.Checkout.Session): Applied | undefined {
  const [given] = session.discounts ?? [];
  const code = world.promotionCodes.get(idOf(given?.promotion_code));
  const coupon = world.coupons.get(idOf(given?.coupon) || idOf(code?.promotion.coupon));
  return coupon && { coupon, code, amount: 0, counted: true };
}
