/** The phases of a subscription schedule, as time brings them. */
import type { Stripe } from "stripe";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";
import { changeAndTell } from "./announce.ts";

function scheduleOf(
  world: World,
  subscription: Stripe.Subscription,
): Stripe.SubscriptionSchedule | undefined {
  return world.billing.schedules.get(idOf(subscription.schedule));
}

export function changeSchedule(
  world: World,
  cause: Cause,
  schedule: Stripe.SubscriptionSchedule,
  change: () => void,
): void {
  changeAndTell(world, cause, "subscription_schedule.updated", schedule, change);
}

/** When the next phase begins, or the last one ends; null when the schedule does nothing more. */
export function nextTurn({ status, current_phase: phase }: Stripe.SubscriptionSchedule): number | null {
  return status === "active" && phase ? phase.end_date : null;
}

export function nextPhase(
  schedule: Stripe.SubscriptionSchedule,
  at: number,
): Stripe.SubscriptionSchedule.Phase | undefined {
  return schedule.phases.find((phase) => phase.start_date === at);
}

/** The subscription goes its own way from here. */
export function releaseSchedule(world: World, cause: Cause, schedule: Stripe.SubscriptionSchedule): void {
  const subscription = world.billing.subscriptions.get(idOf(schedule.subscription));
  schedule.status = "released";
  schedule.current_phase = null;
  schedule.released_subscription = subscription?.id ?? null;
  schedule.subscription = null;
  schedule.released_at = world.seconds();
  if (subscription) {
    changeAndTell(world, cause, "customer.subscription.updated", subscription, () => {
      subscription.schedule = null;
    });
  }
  world.emit(cause, "subscription_schedule.released", schedule);
}

/** All phases are over, and the subscription ends with the last. */
export function completeSchedule(world: World, cause: Cause, schedule: Stripe.SubscriptionSchedule): void {
  schedule.status = "completed";
  schedule.completed_at = world.seconds();
  schedule.current_phase = null;
  world.emit(cause, "subscription_schedule.completed", schedule);
}

/** The subscription is over, and with it its schedule. */
export function closeSchedule(world: World, cause: Cause, subscription: Stripe.Subscription): void {
  const schedule = scheduleOf(world, subscription);
  if (!schedule || schedule.status !== "active") return;
  schedule.status = "canceled";
  schedule.canceled_at = world.seconds();
  schedule.current_phase = null;
  world.emit(cause, "subscription_schedule.canceled", schedule);
}
