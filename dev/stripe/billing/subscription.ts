/** A subscription and its items as they are stored: made, and asked for their period. */
import type { Stripe } from "stripe";
import type { World } from "../world.ts";
import type { Every } from "./interval.ts";
import { amountOf, type Charged } from "./lines.ts";

export type Period = { readonly start: number; readonly end: number };

export type WantedItem = {
  readonly price: Stripe.Price;
  readonly quantity: number;
  readonly metadata: Record<string, string>;
};

export type NewSubscription = {
  readonly customer: Stripe.Customer;
  readonly items: readonly WantedItem[];
  readonly anchor: number;
  readonly period: Period;
  readonly trialEnd: number | null;
  readonly metadata: Record<string, string>;
  readonly description: string | null;
  readonly method: string | null;
  readonly missingMethod: Stripe.Subscription.TrialSettings.EndBehavior.MissingPaymentMethod;
};

export function newSubscription(world: World, given: NewSubscription): Stripe.Subscription {
  const id = world.id("sub_1", 23);
  const now = world.seconds();
  const { trialEnd, customer } = given;
  return {
    id,
    object: "subscription",
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: given.anchor,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: { proration_discounts: "included" }, type: "flexible" },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: "charge_automatically",
    created: now,
    currency: given.items[0]?.price.currency ?? "usd",
    customer: customer.id,
    customer_account: null,
    days_until_due: null,
    default_payment_method: given.method,
    default_source: null,
    default_tax_rates: [],
    description: given.description,
    discounts: [],
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: "self" },
    },
    items: {
      object: "list",
      data: given.items.map((item) => newItem(world, id, item, given.period)),
      has_more: false,
      url: `/v1/subscription_items?subscription=${id}`,
    },
    latest_invoice: null,
    livemode: false,
    managed_payments: { enabled: false },
    metadata: given.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: "off",
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: now,
    status: trialEnd === null ? "incomplete" : "trialing",
    test_clock: customer.test_clock ?? null,
    transfer_data: null,
    trial_end: trialEnd,
    trial_settings: {
      end_behavior: { billing_cycle_anchor: null, missing_payment_method: given.missingMethod },
    },
    trial_start: trialEnd === null ? null : now,
  };
}

export function newItem(
  world: World,
  subscription: string,
  { price, quantity, metadata }: WantedItem,
  { start, end }: Period,
): Stripe.SubscriptionItem {
  return {
    id: world.id("si_", 14),
    object: "subscription_item",
    billing_thresholds: null,
    created: world.seconds(),
    current_period_end: end,
    current_period_start: start,
    current_trial: null,
    discounts: [],
    metadata,
    plan: planOf(price),
    price,
    quantity,
    subscription,
    tax_rates: [],
  };
}

/** The price, as the older resource that it replaced. */
export function planOf(price: Stripe.Price): Stripe.Plan {
  return {
    id: price.id,
    object: "plan",
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: price.billing_scheme,
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval ?? "month",
    interval_count: price.recurring?.interval_count ?? 1,
    livemode: false,
    metadata: { ...price.metadata },
    meter: null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: price.recurring?.usage_type ?? "licensed",
  };
}

/** All items of a subscription here have the same interval and period. */
export function everyOf(subscription: Stripe.Subscription): Every {
  return subscription.items.data[0]?.price.recurring ?? { interval: "month", interval_count: 1 };
}

export function periodOf(subscription: Stripe.Subscription): Period {
  const [item] = subscription.items.data;
  return { start: item?.current_period_start ?? 0, end: item?.current_period_end ?? 0 };
}

export function setPeriod(subscription: Stripe.Subscription, { start, end }: Period): void {
  for (const item of subscription.items.data) {
    item.current_period_start = start;
    item.current_period_end = end;
  }
}

/** Its items for a whole period in advance. */
export function chargesOf(subscription: Stripe.Subscription, period: Period, trial = false): Charged[] {
  return subscription.items.data.map((item) => ({
    item,
    amount: trial ? 0 : amountOf(item.price, item.quantity),
    ...period,
    trial,
  }));
}
