/** Reads what is to be previewed and answers the invoice that would come of it. */
import type { Stripe } from "stripe";
import { customerNamed } from "../customers/find.ts";
import { invalid, missing, noSuchIn, unsupported } from "../protocol/errors.ts";
import { idOf } from "../reference.ts";
import { onItsOwn, type World } from "../world.ts";
import { cancelNow } from "./cancel.ts";
import { readStarting } from "./create.ts";
import { billTheRest, hasEnded } from "./end.ts";
import { reckon, customerOf } from "./invoice.ts";
import { copyFor, nextInvoice, shownAsPreview } from "./preview.ts";
import { startSubscription } from "./start.ts";
import { inTimeOf } from "./time.ts";
import { updateSubscription } from "./update.ts";

type Params = Stripe.InvoiceCreatePreviewParams;

/** @throws Refusal when nothing would be billed. */
export function previewInvoice(world: World, params: Params): Stripe.Invoice {
  if (params.preview_mode === "recurring") throw unsupported("previews of what recurs", "preview_mode");
  const subscription = subscriptionOf(world, params);
  const customerId = subscription ? idOf(subscription.customer) : params.customer;
  if (customerId === undefined) {
    throw invalid(
      "You must specify at least one of the following parameters: customer, customer_details, subscription, schedule.",
    );
  }
  return inTimeOf(world, customerId, () => {
    const dry = copyFor(world, customerId);
    const customer = customerNamed(dry, customerId, "customer");
    const made = subscription
      ? previewOf(dry, subscription.id, params)
      : previewWithout(dry, customer, params);
    if (!made) throw none(customerId);
    reckon(made, customerOf(dry, made));
    return shownAsPreview(made);
  });
}

function subscriptionOf(world: World, params: Params): Stripe.Subscription | undefined {
  if (params.schedule !== undefined) {
    const schedule = world.billing.schedules.get(params.schedule);
    if (!schedule) throw noSuchIn("schedule", "subscription schedule", params.schedule);
    return world.billing.subscriptions.get(idOf(schedule.subscription));
  }
  if (params.subscription === undefined) return undefined;
  const subscription = world.billing.subscriptions.get(params.subscription);
  if (!subscription) throw noSuchIn("subscription", "subscription", params.subscription);
  if (params.customer !== undefined && subscription.customer !== params.customer) {
    throw noSuchIn("subscription", "subscription", params.subscription);
  }
  return subscription;
}

function none(customerId: string): Error {
  return invalid(`No upcoming invoices for customer: ${customerId}`, {
    code: "invoice_upcoming_none",
    status: 404,
  });
}

/** The next invoice of a subscription, changed as the request says. */
function previewOf(dry: World, id: string, params: Params): Stripe.Invoice | undefined {
  const subscription = dry.billing.subscriptions.get(id);
  if (!subscription || hasEnded(subscription)) return undefined;
  const details = params.subscription_details;
  if (details?.cancel_now === true) {
    cancelNow(dry, onItsOwn, subscription, { prorate: details.proration_behavior !== "none" });
    return billTheRest(dry, onItsOwn, subscription, null);
  }
  if (details) {
    const atOnce = updateSubscription(dry, onItsOwn, subscription, changesIn(details));
    if (atOnce) return atOnce;
  }
  if (params.discounts)
    throw unsupported("other discounts than the subscription's in a preview", "discounts");
  return nextInvoice(dry, subscription);
}

function changesIn(details: NonNullable<Params["subscription_details"]>): Stripe.SubscriptionUpdateParams {
  const { billing_cycle_anchor: anchor } = details;
  if (anchor?.type === "timestamp") {
    throw unsupported("another billing cycle anchor than now", "subscription_details[billing_cycle_anchor]");
  }
  const changes: Record<string, unknown> = { ...details };
  delete changes["cancel_now"];
  if (anchor) changes["billing_cycle_anchor"] = { type: anchor.type };
  return changes;
}

/** Without a subscription: the first invoice of a new one, or whichever comes next. */
function previewWithout(dry: World, customer: Stripe.Customer, params: Params): Stripe.Invoice | undefined {
  const items = params.subscription_details?.items;
  if (items) {
    const starting = readStarting(dry, customer, newSubscriptionIn(customer, params));
    return startSubscription(dry, onItsOwn, starting).invoice;
  }
  if (params.subscription_details) throw missing("subscription");
  const [next] = dry.billing.subscriptions.oldestFirst().filter((each) => !hasEnded(each));
  return next && nextInvoice(dry, next);
}

function newSubscriptionIn(customer: Stripe.Customer, params: Params): Stripe.SubscriptionCreateParams {
  const details = params.subscription_details;
  const asked: object = {
    customer: customer.id,
    items: details?.items,
    ...(details?.trial_end === undefined ? {} : { trial_end: details.trial_end }),
    ...(params.discounts ? { discounts: params.discounts } : {}),
  };
  return asked;
}
