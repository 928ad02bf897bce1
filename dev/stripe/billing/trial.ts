/** Trials: the reminder before they end, and what their end begins. */
import type { Stripe } from "stripe";
import type { Cause, World } from "../world.ts";

const REMINDER_SECONDS = 3 * 24 * 60 * 60;

export function reminderAt({ trial_end: end, created }: Stripe.Subscription): number {
  return Math.max((end ?? 0) - REMINDER_SECONDS, created);
}

/** Once for each end of a trial; at once when it ends in less than three days. */
export function remindOfTrialEnd(world: World, cause: Cause, subscription: Stripe.Subscription): void {
  if (!awaitsReminder(world, subscription) || reminderAt(subscription) > world.seconds()) return;
  world.billing.told.add(keyOf(subscription));
  world.emit(cause, "customer.subscription.trial_will_end", subscription);
}

export function awaitsReminder(world: World, subscription: Stripe.Subscription): boolean {
  return subscription.status === "trialing" && !world.billing.told.has(keyOf(subscription));
}

function keyOf({ id, trial_end: end }: Stripe.Subscription): string {
  return `${id} trial_will_end ${end ?? 0}`;
}
