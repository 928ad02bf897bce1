/** The notice that a renewal comes, some days before it, with the invoice as it will be. */
import type { Stripe } from "stripe";
import { onItsOwn, type World } from "../world.ts";
import type { Due } from "./agenda.ts";
import { comingInvoice } from "./preview.ts";
import { periodOf } from "./subscription.ts";

const DAY_SECONDS = 24 * 60 * 60;

/** When a subscription's next invoice is announced; undefined when it was, or won't be. */
export function upcomingNotice(world: World, subscription: Stripe.Subscription): Due | undefined {
  if (!awaitsUpcoming(world, subscription)) return undefined;
  const run = (): void => {
    announceUpcoming(world, subscription);
  };
  return { at: upcomingAt(world, subscription), rank: 0, run };
}

function upcomingAt(world: World, subscription: Stripe.Subscription): number {
  const { start, end } = periodOf(subscription);
  return Math.max(end - world.billing.settings.upcomingDays * DAY_SECONDS, start);
}

function upcomingKey(subscription: Stripe.Subscription): string {
  return `${subscription.id} upcoming ${periodOf(subscription).end}`;
}

/** Not in a period shorter than the notice, nor while collection is paused, nor before an end. */
function awaitsUpcoming(world: World, subscription: Stripe.Subscription): boolean {
  const { start, end } = periodOf(subscription);
  if (subscription.pause_collection !== null || subscription.status === "unpaid") return false;
  if (subscription.cancel_at_period_end || (subscription.cancel_at ?? Infinity) <= end) return false;
  if (end - start <= world.billing.settings.upcomingDays * DAY_SECONDS) return false;
  return !world.billing.told.has(upcomingKey(subscription));
}

function announceUpcoming(world: World, subscription: Stripe.Subscription): void {
  world.billing.told.add(upcomingKey(subscription));
  const coming = comingInvoice(world, subscription);
  if (!coming) return;
  // An invoice that is only announced has no id yet.
  const announced: Partial<Stripe.Invoice> = { ...coming };
  delete announced.id;
  world.emit(onItsOwn, "invoice.upcoming", announced);
}
