/** A schedule's turn: its next phase takes effect, or its last one ends. */
import type { Stripe } from "stripe";
import { idOf } from "../reference.ts";
import { copy, onItsOwn, type World } from "../world.ts";
import { changeItems, type ItemChange } from "./change.ts";
import { endSubscription } from "./end.ts";
import { completeSchedule, nextPhase, releaseSchedule } from "./phases.ts";

export function takeTurn(world: World, schedule: Stripe.SubscriptionSchedule): void {
  const subscription = world.billing.subscriptions.get(idOf(schedule.subscription));
  const at = schedule.current_phase?.end_date ?? world.seconds();
  const phase = nextPhase(schedule, at);
  if (!subscription) return;
  if (!phase) {
    if (schedule.end_behavior === "cancel") {
      completeSchedule(world, onItsOwn, schedule);
      endSubscription(world, onItsOwn, subscription, "cancellation_requested");
    } else releaseSchedule(world, onItsOwn, schedule);
    return;
  }
  const before = copy(schedule);
  schedule.current_phase = { start_date: phase.start_date, end_date: phase.end_date };
  enterPhase(world, subscription, phase);
  world.emit(onItsOwn, "subscription_schedule.updated", schedule, before);
}

export function enterPhase(
  world: World,
  subscription: Stripe.Subscription,
  phase: Stripe.SubscriptionSchedule.Phase,
): void {
  changeItems(world, onItsOwn, subscription, {
    items: changesTo(world, subscription, phase),
    behavior: phase.proration_behavior,
    at: world.seconds(),
    anchor: phase.billing_cycle_anchor === "phase_start" ? "now" : "unchanged",
    trialEnd: undefined,
    besides: () => {
      if (phase.metadata) subscription.metadata = { ...subscription.metadata, ...phase.metadata };
    },
    collects: true,
  });
}

/** The subscription's items become the phase's: one of the same price stays, others take each other's place. */
function changesTo(
  world: World,
  subscription: Stripe.Subscription,
  phase: Stripe.SubscriptionSchedule.Phase,
): ItemChange[] {
  const left = [...subscription.items.data];
  const changes: ItemChange[] = [];
  for (const wanted of phase.items) {
    const price = world.prices.get(idOf(wanted.price));
    if (!price) continue;
    const index = left.findIndex((item) => item.price.id === price.id);
    const [item] = left.splice(Math.max(index, 0), 1);
    const to = {
      price,
      quantity: wanted.quantity ?? 1,
      metadata: { ...(item?.metadata ?? wanted.metadata) },
    };
    changes.push(item ? { kind: "set", item, to } : { kind: "add", item: to });
  }
  return [...changes, ...left.map((item) => ({ kind: "remove" as const, item }))];
}
