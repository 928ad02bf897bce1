/** Changes what a subscription is for: its items, its trial, its anchor; and bills what that comes to. */
import type { Stripe } from "stripe";
import { onItsOwn, type Cause, type World } from "../world.ts";
import { changeSubscription } from "./announce.ts";
import { issue, type Attempt } from "./collect.ts";
import { boundary, sameInterval } from "./interval.ts";
import { draftInvoice, pendingOf } from "./invoice.ts";
import { creditUnused, debitRemaining } from "./prorate.ts";
import { chargesOf, everyOf, newItem, periodOf, planOf, setPeriod, type WantedItem } from "./subscription.ts";
import { remindOfTrialEnd } from "./trial.ts";

export type ItemChange =
  | { readonly kind: "add"; readonly item: WantedItem }
  | { readonly kind: "remove"; readonly item: Stripe.SubscriptionItem }
  | { readonly kind: "set"; readonly item: Stripe.SubscriptionItem; readonly to: WantedItem };

export type Change = {
  readonly items: readonly ItemChange[];
  readonly behavior: Stripe.SubscriptionUpdateParams.ProrationBehavior;
  /** When the change is taken to have been made, for prorations. */
  readonly at: number;
  readonly anchor: "now" | "unchanged";
  /** Another end of the trial; undefined leaves it. */
  readonly trialEnd: number | "now" | undefined;
  /** What else changes, told together with the rest. */
  readonly besides: () => void;
  /** Whether an invoice that comes of it is tried at once. */
  readonly collects: boolean;
};

/** @returns the invoice that came of it at once, and what came of that. */
export function changeItems(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  change: Change,
): { invoice: Stripe.Invoice | undefined; outcome: Attempt | undefined } {
  let invoice: Stripe.Invoice | undefined;
  changeSubscription(world, cause, subscription, () => {
    change.besides();
    invoice = apply(world, cause, subscription, change);
  });
  if (!invoice || world.preview) return { invoice, outcome: undefined };
  const outcome = issue(world, cause, invoice, { collects: change.collects });
  remindOfTrialEnd(world, onItsOwn, subscription);
  return { invoice, outcome };
}

function apply(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  change: Change,
): Stripe.Invoice | undefined {
  const before = everyOf(subscription);
  const wasTrialing = subscription.status === "trialing";
  const touched = touchedBy(subscription, change);
  const startsTrial = typeof change.trialEnd === "number";
  const endsTrial = wasTrialing && change.trialEnd === "now";
  if (change.behavior !== "none" && !wasTrialing) {
    const credited = startsTrial || resets(before, change) ? subscription.items.data : touched;
    for (const item of credited) creditUnused(world, cause, { subscription, item, at: change.at });
  }
  const added = takeItems(world, subscription, change);
  if (typeof change.trialEnd === "number") return beginTrial(world, cause, subscription, change.trialEnd);
  const anew =
    endsTrial || (!wasTrialing && (change.anchor === "now" || !sameInterval(before, everyOf(subscription))));
  if (anew) return beginAnew(world, cause, subscription);
  if (wasTrialing || change.behavior === "none") return undefined;
  const kept = touched.filter((item) => subscription.items.data.includes(item));
  for (const item of [...kept, ...added]) debitRemaining(world, cause, { subscription, item, at: change.at });
  if (change.behavior !== "always_invoice" || pendingOf(world, subscription).length === 0) return undefined;
  return bill(world, cause, subscription, []);
}

function touchedBy(subscription: Stripe.Subscription, { items }: Change): Stripe.SubscriptionItem[] {
  const changed = items.flatMap((each) => {
    if (each.kind === "add") return [];
    if (each.kind === "remove") return [each.item];
    const same = each.to.price.id === each.item.price.id && each.to.quantity === (each.item.quantity ?? 1);
    return same ? [] : [each.item];
  });
  return subscription.items.data.filter((item) => changed.includes(item));
}

/** Whether the change begins a new billing cycle at once. */
function resets(before: ReturnType<typeof everyOf>, { anchor, items }: Change): boolean {
  if (anchor === "now") return true;
  return items.some((each) => {
    const price = each.kind === "set" ? each.to.price : each.kind === "add" ? each.item.price : undefined;
    return (
      price?.recurring !== undefined && price.recurring !== null && !sameInterval(before, price.recurring)
    );
  });
}

/** @returns the items that are new. */
function takeItems(
  world: World,
  subscription: Stripe.Subscription,
  { items }: Change,
): Stripe.SubscriptionItem[] {
  const added: Stripe.SubscriptionItem[] = [];
  const period = periodOf(subscription);
  for (const each of items) {
    switch (each.kind) {
      case "add":
        added.push(newItem(world, subscription.id, each.item, period));
        break;
      case "remove":
        subscription.items.data = subscription.items.data.filter((item) => item !== each.item);
        break;
      case "set":
        each.item.price = each.to.price;
        each.item.plan = planOf(each.to.price);
        each.item.quantity = each.to.quantity;
        each.item.metadata = each.to.metadata;
        break;
    }
  }
  subscription.items.data.push(...added);
  return added;
}

function beginTrial(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  end: number,
): Stripe.Invoice | undefined {
  const wasTrialing = subscription.status === "trialing";
  subscription.status = "trialing";
  subscription.trial_start ??= world.seconds();
  subscription.trial_end = end;
  subscription.billing_cycle_anchor = end;
  const start = wasTrialing ? periodOf(subscription).start : world.seconds();
  setPeriod(subscription, { start, end });
  if (wasTrialing) return undefined;
  return bill(world, cause, subscription, chargesOf(subscription, { start, end }, true));
}

/** A new cycle from this moment on, billed at once. */
function beginAnew(world: World, cause: Cause, subscription: Stripe.Subscription): Stripe.Invoice {
  const now = world.seconds();
  if (subscription.status === "trialing") {
    subscription.status = "active";
    subscription.trial_end = now;
  }
  subscription.billing_cycle_anchor = now;
  const period = { start: now, end: boundary(now, everyOf(subscription), 1) };
  setPeriod(subscription, period);
  for (const { id } of subscription.items.data) world.billing.debits.delete(id);
  return bill(world, cause, subscription, chargesOf(subscription, period));
}

function bill(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  charged: ReturnType<typeof chargesOf>,
): Stripe.Invoice {
  const now = world.seconds();
  return draftInvoice(world, cause, {
    subscription,
    reason: "subscription_update",
    charged,
    period: { start: now, end: now },
    finalizesAt: null,
    retries: true,
  });
}
