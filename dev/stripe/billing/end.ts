/** The end of a subscription: canceled, or expired because its first invoice was never paid. */
import type { Stripe } from "stripe";
import { idOf } from "../reference.ts";
import { onItsOwn, type Cause, type World } from "../world.ts";
import { changeInvoice, changeSubscription } from "./announce.ts";
import { voidInvoice } from "./finalize.ts";
import { draftInvoice, pendingOf } from "./invoice.ts";
import { closeSchedule } from "./phases.ts";

export function hasEnded({ status }: Stripe.Subscription): boolean {
  return status === "canceled" || status === "incomplete_expired";
}

/** Nothing of it is collected automatically any more; what is open can still be paid. */
export function endSubscription(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  reason: Stripe.Subscription.CancellationDetails.Reason,
): void {
  stopCollecting(world, cause, subscription);
  subscription.status = "canceled";
  subscription.canceled_at ??= world.seconds();
  subscription.ended_at = world.seconds();
  subscription.pause_collection = null;
  subscription.cancellation_details = {
    ...(subscription.cancellation_details ?? { comment: null, feedback: null, feedback_option: null }),
    reason: subscription.cancellation_details?.reason ?? reason,
  };
  closeSchedule(world, cause, subscription);
  world.emit(cause, "customer.subscription.deleted", subscription);
  for (const { id } of subscription.items.data) world.billing.debits.delete(id);
}

/** The first invoice was not paid in 23 hours. */
export function expireSubscription(world: World, subscription: Stripe.Subscription): void {
  const invoice = world.billing.invoices.get(idOf(subscription.latest_invoice));
  if (invoice?.status === "open") voidInvoice(world, onItsOwn, invoice);
  changeSubscription(world, onItsOwn, subscription, () => {
    subscription.status = "incomplete_expired";
    subscription.ended_at = world.seconds();
  });
}

/** What waited to be billed goes on a last invoice. @returns undefined when nothing did. */
export function billTheRest(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  finalizesAt: number | null,
): Stripe.Invoice | undefined {
  if (pendingOf(world, subscription).length === 0) return undefined;
  const now = world.seconds();
  let invoice: Stripe.Invoice | undefined;
  changeSubscription(world, cause, subscription, () => {
    const period = { start: now, end: now };
    const reason = finalizesAt === null ? "subscription_update" : "subscription_cycle";
    invoice = draftInvoice(world, cause, { subscription, reason, charged: [], period, finalizesAt });
  });
  return invoice;
}

function stopCollecting(world: World, cause: Cause, subscription: Stripe.Subscription): void {
  for (const invoice of world.billing.invoices.oldestFirst()) {
    if (invoice.parent?.subscription_details?.subscription !== subscription.id) continue;
    if (invoice.status !== "draft" && invoice.status !== "open") continue;
    changeInvoice(world, cause, invoice, () => {
      invoice.auto_advance = false;
      invoice.automatically_finalizes_at = null;
      invoice.next_payment_attempt = null;
    });
  }
}
