/** A subscription that was paused for want of a payment method goes on: a new cycle begins and is billed. */
import type { Stripe } from "stripe";
import { invalid, unsupported } from "../protocol/errors.ts";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";
import { changeSubscription } from "./announce.ts";
import { issue } from "./collect.ts";
import { boundary } from "./interval.ts";
import { draftInvoice } from "./invoice.ts";
import { noMeans } from "./refusals.ts";
import { chargesOf, everyOf, setPeriod } from "./subscription.ts";

export function resumeSubscription(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  params: Stripe.SubscriptionResumeParams,
): void {
  if (subscription.status !== "paused") {
    throw invalid(
      `This subscription cannot be resumed because it has a status of \`${subscription.status}\`. Only subscriptions ` +
        "with a status of `paused` can be resumed.",
    );
  }
  if (params.billing_cycle_anchor?.type === "unchanged") {
    throw unsupported("resuming with an unchanged billing cycle anchor", "billing_cycle_anchor");
  }
  const customer = world.customers.get(idOf(subscription.customer));
  const method =
    idOf(subscription.default_payment_method) || idOf(customer?.invoice_settings.default_payment_method);
  if (method === "") throw noMeans();
  let invoice: Stripe.Invoice | undefined;
  changeSubscription(world, cause, subscription, () => {
    const now = world.seconds();
    const period = { start: now, end: boundary(now, everyOf(subscription), 1) };
    subscription.status = "active";
    subscription.billing_cycle_anchor = now;
    setPeriod(subscription, period);
    invoice = draftInvoice(world, cause, {
      subscription,
      reason: "subscription_update",
      charged: chargesOf(subscription, period),
      period: { start: now, end: now },
      finalizesAt: null,
      retries: true,
    });
  });
  world.emit(cause, "customer.subscription.resumed", subscription);
  if (invoice) issue(world, cause, invoice);
}
