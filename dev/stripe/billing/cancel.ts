/** Cancels a subscription at once, with credit for what is left and a last invoice where they are asked for. */
import type { Stripe } from "stripe";
import type { Cause, World } from "../world.ts";
import { issue } from "./collect.ts";
import { billTheRest, endSubscription } from "./end.ts";
import { pendingOf } from "./invoice.ts";
import { creditUnused } from "./prorate.ts";
import { takeCancellationDetails } from "./update.ts";

export function cancelNow(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  params: Stripe.SubscriptionCancelParams,
): Stripe.Invoice | undefined {
  takeCancellationDetails(subscription, params.cancellation_details);
  const at = world.seconds();
  if (params.prorate === true && subscription.status !== "trialing") {
    for (const item of subscription.items.data) creditUnused(world, cause, { subscription, item, at });
  }
  // What waited goes with the subscription, unless it is to be billed or was just made.
  if (params.prorate !== true && params.invoice_now !== true) dropPending(world, cause, subscription);
  endSubscription(world, cause, subscription, "cancellation_requested");
  if (params.invoice_now !== true) return undefined;
  const invoice = billTheRest(world, cause, subscription, null);
  if (invoice && !world.preview) issue(world, cause, invoice);
  return invoice;
}

function dropPending(world: World, cause: Cause, subscription: Stripe.Subscription): void {
  for (const pending of pendingOf(world, subscription)) {
    world.billing.invoiceItems.remove(pending.id);
    world.emit(cause, "invoiceitem.deleted", pending);
  }
}
