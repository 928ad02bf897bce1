/** A period ends and the next one begins: with an invoice that stays a draft for an hour. */
import type { Stripe } from "stripe";
import { onItsOwn, type World } from "../world.ts";
import { changeSubscription } from "./announce.ts";
import { endSubscription } from "./end.ts";
import { finalize, markUncollectible, voidInvoice } from "./finalize.ts";
import { nextBoundary } from "./interval.ts";
import { draftInvoice } from "./invoice.ts";
import { shareOf } from "./share.ts";
import { chargesOf, everyOf, periodOf, setPeriod } from "./subscription.ts";
import type { Charged } from "./lines.ts";

export function renew(world: World, subscription: Stripe.Subscription): void {
  if (subscription.status === "trialing" && lacksMethod(world, subscription)) {
    const missing = subscription.trial_settings?.end_behavior.missing_payment_method;
    if (missing === "cancel") {
      endSubscription(world, onItsOwn, subscription, "cancellation_requested");
      return;
    }
    if (missing === "pause") {
      pause(world, subscription);
      return;
    }
  }
  const before = periodOf(subscription);
  let invoice: Stripe.Invoice | undefined;
  changeSubscription(world, onItsOwn, subscription, () => {
    const now = before.end;
    setPeriod(subscription, {
      start: now,
      end: nextBoundary(subscription.billing_cycle_anchor, everyOf(subscription), now),
    });
    if (subscription.status === "trialing") subscription.status = "active";
    invoice = draftInvoice(world, onItsOwn, {
      subscription,
      reason: "subscription_cycle",
      charged: untilCanceled(subscription, chargesOf(subscription, periodOf(subscription))),
      period: before,
      finalizesAt: collects(subscription) ? now + world.billing.settings.draftSeconds : null,
    });
  });
  if (invoice) handlePaused(world, subscription, invoice);
}

function lacksMethod(world: World, subscription: Stripe.Subscription): boolean {
  const customer =
    typeof subscription.customer === "string" ? world.customers.get(subscription.customer) : undefined;
  return subscription.default_payment_method === null && !customer?.invoice_settings.default_payment_method;
}

/** Without a means of payment at the trial's end: no invoices until it is resumed. */
function pause(world: World, subscription: Stripe.Subscription): void {
  changeSubscription(world, onItsOwn, subscription, () => {
    subscription.status = "paused";
  });
  world.emit(onItsOwn, "customer.subscription.paused", subscription);
}

/** Invoices of an unpaid subscription stay drafts, and so do those of a paused collection. */
function collects({ status, pause_collection: paused }: Stripe.Subscription): boolean {
  return status !== "unpaid" && paused === null;
}

function handlePaused(
  world: World,
  { pause_collection: paused }: Stripe.Subscription,
  invoice: Stripe.Invoice,
): void {
  if (world.preview) return;
  if (paused?.behavior === "void") voidInvoice(world, onItsOwn, invoice);
  if (paused?.behavior === "mark_uncollectible") {
    finalize(world, onItsOwn, invoice);
    if (invoice.status === "open") markUncollectible(world, onItsOwn, invoice);
  }
}

/** A period in which the subscription ends is charged in part. */
function untilCanceled(subscription: Stripe.Subscription, charged: readonly Charged[]): Charged[] {
  const end = subscription.cancel_at;
  return charged.map((each) =>
    end === null || end >= each.end
      ? each
      : { ...each, amount: shareOf(each.amount, end - each.start, each.end - each.start), end },
  );
}
