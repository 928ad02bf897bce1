/** What a customer does in the billing portal, within what its configuration allows. */
import type { Stripe } from "stripe";
import { changeCustomer, changeSubscription } from "../billing/announce.ts";
import { cancelNow } from "../billing/cancel.ts";
import { hasEnded } from "../billing/end.ts";
import { longest } from "../billing/interval.ts";
import { amountOf } from "../billing/lines.ts";
import { customerOf } from "../billing/invoice.ts";
import { periodOf } from "../billing/subscription.ts";
import { inTimeOf } from "../billing/time.ts";
import { updateSubscription } from "../billing/update.ts";
import { createCard, methodOf } from "../objects/payment-methods.ts";
import { scheduleFrom, updateSchedule } from "../objects/subscription-schedules.ts";
import { confirmSetup, newSetupIntent, proveSetup } from "../payments/setup.ts";
import { readCard } from "../payments/test-cards.ts";
import { idOf } from "../reference.ts";
import { onItsOwn, type World } from "../world.ts";

type Session = Stripe.BillingPortal.Session;
type Features = Stripe.BillingPortal.Configuration.Features;

/** So long a session's page can be used. */
const OPEN_SECONDS = 60 * 60;

export function isOver(world: World, session: Session): boolean {
  return inTimeOf(world, session.customer, () => world.seconds() - session.created > OPEN_SECONDS);
}

export function featuresOf(world: World, session: Session): Features {
  const configuration = world.billing.portalConfigurations.get(idOf(session.configuration));
  if (!configuration) throw new Error(`The configuration of ${session.id} is gone`);
  return configuration.features;
}

function allow(isEnabled: boolean, what: string): void {
  if (!isEnabled) throw new Error(`This portal does not let customers ${what}`);
}

function subscriptionIn(world: World, session: Session, id: string): Stripe.Subscription {
  const subscription = world.billing.subscriptions.get(id);
  if (subscription?.customer !== session.customer || hasEnded(subscription)) {
    throw new Error(`No such subscription here: ${id}`);
  }
  return subscription;
}

export type CardOutcome =
  | { readonly kind: "stored" }
  | { readonly kind: "asks"; readonly setupIntent: string }
  | { readonly kind: "declined"; readonly message: string };

/**
 * Stores a card and makes it the customer's default. Subscriptions with a payment method of their own keep that one,
 * unless one is named: then it is that subscription's.
 */
export function storeCard(
  world: World,
  session: Session,
  number: string,
  subscriptionId?: string,
): CardOutcome {
  allow(featuresOf(world, session).payment_method_update.enabled, "change their card");
  const card = readCard(number);
  if (!("number" in card)) return { kind: "declined", message: card.message };
  return inTimeOf(world, session.customer, () => {
    const customer = customerOf(world, session);
    const intent = newSetupIntent(world, onItsOwn, {
      customer: customer.id,
      description: null,
      metadata: {},
      usage: "off_session",
      method: null,
    });
    const method = createCard(world, card, { email: customer.email, name: customer.name ?? null });
    switch (confirmSetup(world, onItsOwn, intent, method)) {
      case "stored":
        makeDefault(world, session, method.id, subscriptionId);
        return { kind: "stored" };
      case "asks":
        return { kind: "asks", setupIntent: intent.id };
      case "declined":
        return { kind: "declined", message: card.decline?.message ?? "Your card was declined." };
    }
  });
}

/** The holder of a card that asked for it answers their bank. */
export function proveCard(
  world: World,
  session: Session,
  setupIntent: string,
  completes: boolean,
  subscriptionId?: string,
): CardOutcome {
  return inTimeOf(world, session.customer, () => {
    const intent = world.billing.setupIntents.get(setupIntent);
    const outcome = intent?.customer === session.customer ? proveSetup(world, intent, completes) : undefined;
    if (outcome !== "stored") return { kind: "declined", message: "Your card could not be authenticated." };
    makeDefault(world, session, idOf(intent?.payment_method), subscriptionId);
    return { kind: "stored" };
  });
}

export function makeDefault(world: World, session: Session, methodId: string, subscriptionId?: string): void {
  allow(featuresOf(world, session).payment_method_update.enabled, "change their card");
  methodOf(world, session.customer, methodId, "payment_method");
  inTimeOf(world, session.customer, () => {
    if (subscriptionId !== undefined && subscriptionId !== "") {
      const subscription = subscriptionIn(world, session, subscriptionId);
      changeSubscription(world, onItsOwn, subscription, () => {
        subscription.default_payment_method = methodId;
      });
      return;
    }
    const customer = customerOf(world, session);
    changeCustomer(world, onItsOwn, customer, () => {
      customer.invoice_settings.default_payment_method = methodId;
    });
  });
}

export type Leaving = { readonly feedback?: string | undefined; readonly comment?: string | undefined };

/** At the period's end the portal sets `cancel_at` and leaves `cancel_at_period_end` alone: so flexible billing does. */
export function cancel(
  world: World,
  session: Session,
  id: string,
  { feedback, comment }: Leaving = {},
): void {
  const { subscription_cancel: feature } = featuresOf(world, session);
  allow(feature.enabled, "cancel");
  const subscription = subscriptionIn(world, session, id);
  const details = {
    ...(feedback === undefined || feedback === "" ? {} : { feedback }),
    ...(comment === undefined || comment === "" ? {} : { comment }),
  };
  inTimeOf(world, session.customer, () => {
    if (feature.mode === "immediately") {
      cancelNow(world, onItsOwn, subscription, {
        prorate: feature.proration_behavior !== "none",
        invoice_now: feature.proration_behavior === "always_invoice",
        cancellation_details: details,
      });
      return;
    }
    updateSubscription(world, onItsOwn, subscription, {
      cancel_at: periodOf(subscription).end,
      cancellation_details: details,
    });
  });
}

export function keep(world: World, session: Session, id: string): void {
  allow(featuresOf(world, session).subscription_cancel.enabled, "renew");
  const subscription = subscriptionIn(world, session, id);
  if (subscription.cancel_at === null) throw new Error(`${id} does not end`);
  inTimeOf(world, session.customer, () => {
    updateSubscription(world, onItsOwn, subscription, { cancel_at: "" });
  });
}

/** The prices the portal offers. */
export function offers(world: World, session: Session): Stripe.Price[] {
  const { subscription_update: update } = featuresOf(world, session);
  if (!update.enabled || !update.default_allowed_updates.includes("price")) return [];
  return (update.products ?? [])
    .flatMap(({ prices }) => prices)
    .flatMap((id) => world.prices.get(id) ?? [])
    .filter(({ active }) => active);
}

export function changePlan(world: World, session: Session, id: string, priceId: string): void {
  const { subscription_update: update } = featuresOf(world, session);
  allow(update.enabled, "change their plan");
  const subscription = subscriptionIn(world, session, id);
  const price = offers(world, session).find((each) => each.id === priceId);
  const [item] = subscription.items.data;
  if (!price || !item) throw new Error(`The portal does not offer ${priceId}`);
  inTimeOf(world, session.customer, () => {
    if (waits(update, item, price)) {
      changeAtPeriodEnd(world, subscription, price);
      return;
    }
    updateSubscription(world, onItsOwn, subscription, {
      items: [{ id: item.id, price: price.id }],
      proration_behavior: update.proration_behavior,
      payment_behavior: "allow_incomplete",
    });
  });
}

/** What the configuration puts off to the period's end: a cheaper plan, a shorter interval. */
function waits(
  { schedule_at_period_end: { conditions } }: Features["subscription_update"],
  item: Stripe.SubscriptionItem,
  price: Stripe.Price,
): boolean {
  return conditions.some(({ type }) => {
    if (type === "decreasing_item_amount")
      return amountOf(price, item.quantity) < amountOf(item.price, item.quantity);
    if (!price.recurring || !item.price.recurring) return false;
    return longest(price.recurring) < longest(item.price.recurring);
  });
}

function changeAtPeriodEnd(world: World, subscription: Stripe.Subscription, price: Stripe.Price): void {
  const known = world.billing.schedules.get(idOf(subscription.schedule));
  const schedule = known ?? scheduleFrom(world, onItsOwn, subscription, {});
  const [current] = schedule.phases;
  if (!current) return;
  updateSchedule(world, onItsOwn, schedule, {
    phases: [
      {
        items: current.items.map((item) => ({ price: idOf(item.price), quantity: item.quantity ?? 1 })),
        start_date: current.start_date,
        end_date: current.end_date,
      },
      { items: [{ price: price.id, quantity: current.items[0]?.quantity ?? 1 }], proration_behavior: "none" },
    ],
  });
}
