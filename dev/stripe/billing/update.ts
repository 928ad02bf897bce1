/** Reads and makes a change of a subscription as the API asks for it. */
import type { Stripe } from "stripe";
import type { Applied } from "../discounts/apply.ts";
import { methodOf } from "../objects/payment-methods.ts";
import { invalid, unsupported } from "../protocol/errors.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { idOf } from "../reference.ts";
import { onItsOwn, type Cause, type World } from "../world.ts";
import { changeItems, type Change } from "./change.ts";
import { refuseMethod } from "./create.ts";
import { creditUnused, debitRemaining } from "./prorate.ts";
import { endDiscounts, grant, readDiscount } from "./discounts.ts";
import { amountOf } from "./lines.ts";
import { copyFor } from "./preview.ts";
import { futureTrialEnd, readCancelAt, readChanges, readProrationDate } from "./read.ts";
import { periodOf } from "./subscription.ts";

type Params = Stripe.SubscriptionUpdateParams;

/** @throws Refusal before anything is changed. */
export function updateSubscription(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  params: Params,
): Stripe.Invoice | undefined {
  const change = readUpdate(world, cause, subscription, params);
  if (params.payment_behavior === "pending_if_incomplete") {
    throw unsupported("pending updates", "payment_behavior");
  }
  if (!world.preview && params.payment_behavior === "error_if_incomplete") {
    const due = dueAtOnce(world, subscription, params);
    const customer = world.customers.get(idOf(subscription.customer));
    const method =
      params.default_payment_method ||
      idOf(subscription.default_payment_method) ||
      idOf(customer?.invoice_settings.default_payment_method);
    if (due > 0) refuseMethod(world, method, "error_if_incomplete");
  }
  return changeItems(world, cause, subscription, change).invoice;
}

/** Cents that the change would ask for at once. */
function dueAtOnce(world: World, subscription: Stripe.Subscription, params: Params): number {
  const dry = copyFor(world, idOf(subscription.customer));
  const same = dry.billing.subscriptions.get(subscription.id);
  return same ? (updateSubscription(dry, onItsOwn, same, params)?.amount_due ?? 0) : 0;
}

function readUpdate(world: World, cause: Cause, subscription: Stripe.Subscription, params: Params): Change {
  refuseContradictions(subscription, params);
  const items = readChanges(world, subscription, params.items);
  const metadata = mergeMetadata(subscription.metadata, params.metadata);
  if (params.default_payment_method) {
    methodOf(world, idOf(subscription.customer), params.default_payment_method, "default_payment_method");
  }
  const trialEnd =
    typeof params.trial_end === "number"
      ? futureTrialEnd(world, params.trial_end, "trial_end")
      : params.trial_end;
  const at = readProrationDate(world, subscription, params.proration_date);
  const discount = discountOf(world, subscription, params.discounts);
  const ending = endingOf(world, subscription, params);
  const behavior = params.proration_behavior ?? "create_prorations";
  return {
    items,
    behavior,
    at,
    anchor: params.billing_cycle_anchor?.type === "now" ? "now" : "unchanged",
    trialEnd,
    collects: params.payment_behavior !== "default_incomplete",
    besides() {
      subscription.metadata = metadata;
      if (params.description !== undefined) subscription.description = params.description || null;
      if (params.default_payment_method !== undefined) {
        subscription.default_payment_method = params.default_payment_method || null;
      }
      if (params.trial_settings) {
        subscription.trial_settings = {
          end_behavior: {
            billing_cycle_anchor: null,
            missing_payment_method:
              params.trial_settings.end_behavior.missing_payment_method ?? "create_invoice",
          },
        };
      }
      takeCancellationDetails(subscription, params.cancellation_details);
      if (params.pause_collection !== undefined) pauseCollection(subscription, params.pause_collection);
      if (params.discounts === "" || discount) endDiscounts(world, cause, subscription);
      if (discount) grant(world, cause, subscription, discount);
      if (ending) takeEnding(world, cause, subscription, ending, behavior !== "none");
    },
  };
}

function refuseContradictions(subscription: Stripe.Subscription, params: Params): void {
  if (params.cancel_at !== undefined && params.cancel_at_period_end !== undefined) {
    throw invalid("You may only specify one of these parameters: cancel_at, cancel_at_period_end.", {
      param: "cancel_at",
    });
  }
  if (subscription.status === "incomplete" && (params.items || params.trial_end !== undefined)) {
    throw invalid(
      "This subscription cannot be updated because its first invoice has not been paid: only its metadata and default " +
        "payment method can be.",
    );
  }
  if (
    subscription.schedule !== null &&
    (params.cancel_at !== undefined || params.cancel_at_period_end !== undefined)
  ) {
    throw invalid(
      `The subscription is managed by the subscription schedule \`${idOf(subscription.schedule)}\`, and updating any ` +
        "cancelation behavior directly is not allowed. Please update the schedule instead.",
    );
  }
}

function discountOf(
  world: World,
  subscription: Stripe.Subscription,
  given: Params["discounts"],
): Applied | undefined {
  const customer = world.customers.get(idOf(subscription.customer));
  if (!customer || !given) return undefined;
  const subtotal = subscription.items.data.reduce(
    (sum, item) => sum + amountOf(item.price, item.quantity),
    0,
  );
  return readDiscount(world, given, { subtotal, currency: subscription.currency, customer });
}

type Ending = { readonly at: number | null; readonly atPeriodEnd: boolean };

function endingOf(world: World, subscription: Stripe.Subscription, params: Params): Ending | undefined {
  if (params.cancel_at_period_end !== undefined) {
    const at = params.cancel_at_period_end ? periodOf(subscription).end : null;
    return { at, atPeriodEnd: params.cancel_at_period_end };
  }
  if (params.cancel_at === undefined) return undefined;
  return { at: readCancelAt(world, subscription, params.cancel_at), atPeriodEnd: false };
}

/** An end within the present period gives credit for the rest of it, where there are prorations. */
function takeEnding(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  { at, atPeriodEnd }: Ending,
  prorates: boolean,
): void {
  const before = subscription.cancel_at;
  subscription.cancel_at = at;
  subscription.cancel_at_period_end = atPeriodEnd;
  subscription.canceled_at = at === null ? null : world.seconds();
  const reason = at === null ? null : "cancellation_requested";
  subscription.cancellation_details = {
    ...(subscription.cancellation_details ?? { comment: null, feedback: null, feedback_option: null }),
    reason,
  };
  const { end } = periodOf(subscription);
  if (!prorates || subscription.status === "trialing") return;
  for (const item of subscription.items.data) {
    // What was credited for an earlier end is asked for again.
    if (before !== null && before < end) debitRemaining(world, cause, { subscription, item, at: before });
    if (at !== null && at < end) creditUnused(world, cause, { subscription, item, at });
  }
}

function pauseCollection(subscription: Stripe.Subscription, given: Params["pause_collection"]): void {
  subscription.pause_collection = !given
    ? null
    : { behavior: given.behavior, resumes_at: given.resumes_at ?? null };
}

export function takeCancellationDetails(
  subscription: Stripe.Subscription,
  given: Stripe.SubscriptionCancelParams["cancellation_details"],
): void {
  if (!given) return;
  const before = subscription.cancellation_details;
  subscription.cancellation_details = {
    comment: given.comment === undefined ? (before?.comment ?? null) : given.comment || null,
    feedback: given.feedback === undefined ? (before?.feedback ?? null) : given.feedback || null,
    feedback_option: before?.feedback_option ?? null,
    reason: before?.reason ?? null,
  };
}
