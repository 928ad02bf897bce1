/** A subscription begins: with its first invoice, or with a trial that costs nothing. */
import type { Stripe } from "stripe";
import type { Applied } from "../discounts/apply.ts";
import { onItsOwn, type Cause, type World } from "../world.ts";
import { changeSubscription } from "./announce.ts";
import { issue, type Attempt } from "./collect.ts";
import { grant } from "./discounts.ts";
import { boundary } from "./interval.ts";
import { draftInvoice } from "./invoice.ts";
import { chargesOf, newSubscription, type NewSubscription, type Period } from "./subscription.ts";
import { remindOfTrialEnd } from "./trial.ts";

export type Starting = Omit<NewSubscription, "anchor" | "period"> & {
  readonly discount: Applied | undefined;
  /** Whether the first invoice is tried at once, or waits for somebody to pay it. */
  readonly collects: boolean;
  /** The card's holder is there and has proved who they are: no card asks for that again. */
  readonly present?: boolean;
};

/** @returns the subscription and what came of its first invoice; undefined when that was not tried or asks for nothing. */
export function startSubscription(
  world: World,
  cause: Cause,
  starting: Starting,
): { subscription: Stripe.Subscription; invoice: Stripe.Invoice; outcome: Attempt | undefined } {
  const { subscription, invoice } = openSubscription(world, cause, starting);
  if (world.preview) return { subscription, invoice, outcome: undefined };
  const outcome = collectFirst(world, cause, subscription, invoice, starting);
  return { subscription, invoice, outcome };
}

/** Makes the subscription and the draft of its first invoice. */
function openSubscription(
  world: World,
  cause: Cause,
  starting: Starting,
): { subscription: Stripe.Subscription; invoice: Stripe.Invoice } {
  const now = world.seconds();
  const every = starting.items[0]?.price.recurring ?? { interval: "month", interval_count: 1 };
  const anchor = starting.trialEnd ?? now;
  const period: Period = { start: now, end: starting.trialEnd ?? boundary(now, every, 1) };
  const subscription = newSubscription(world, { ...starting, anchor, period });
  const id = world.id("in_1", 23);
  subscription.latest_invoice = id;
  world.billing.subscriptions.add(subscription);
  if (starting.discount) grant(world, cause, subscription, starting.discount);
  world.emit(cause, "customer.subscription.created", subscription);
  const charged = chargesOf(subscription, period, starting.trialEnd !== null);
  const bill = { id, subscription, reason: "subscription_create", charged, finalizesAt: null } as const;
  let invoice: Stripe.Invoice | undefined;
  changeSubscription(world, cause, subscription, () => {
    invoice = draftInvoice(world, cause, { ...bill, period: { start: now, end: now } });
  });
  if (!invoice) throw new Error(`${subscription.id} has no first invoice`);
  return { subscription, invoice };
}

function collectFirst(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  invoice: Stripe.Invoice,
  { collects, present = false }: Starting,
): Attempt | undefined {
  const outcome = issue(world, cause, invoice, { collects, present });
  remindOfTrialEnd(world, onItsOwn, subscription);
  return outcome;
}
