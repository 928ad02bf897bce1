/** The discount of a subscription: taken at its beginning, and off each invoice for as long as the coupon says. */
import type { Stripe } from "stripe";
import { amountOff, applyDiscounts, redeem, type Applied } from "../discounts/apply.ts";
import { unsupported } from "../protocol/errors.ts";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";
import { boundary } from "./interval.ts";
import { spreadOver } from "./share.ts";

type Given =
  readonly { coupon?: string; promotion_code?: string; discount?: string }[] | "" | null | undefined;

/** @returns the discount for a subscription not yet made; nothing is redeemed before `grant`. @throws Refusal */
export function readDiscount(
  world: World,
  given: Given,
  order: { subtotal: number; currency: string; customer: Stripe.Customer },
): Applied | undefined {
  if (!given) return undefined;
  if (given.length > 1) throw unsupported("more than one discount of a subscription", "discounts");
  if (given.some(({ discount }) => discount !== undefined)) {
    throw unsupported("taking over another discount", "discounts[0][discount]");
  }
  return applyDiscounts(world, [...given], order);
}

export function grant(world: World, cause: Cause, subscription: Stripe.Subscription, applied: Applied): void {
  if (!applied.counted && !world.preview) redeem(applied);
  const { coupon, code } = applied;
  const months = coupon.duration === "repeating" ? (coupon.duration_in_months ?? 0) : undefined;
  const start = world.seconds();
  const discount = world.billing.discounts.add({
    id: world.id("di_1", 23),
    object: "discount",
    checkout_session: null,
    customer: idOf(subscription.customer),
    customer_account: null,
    end: months === undefined ? null : boundary(start, { interval: "month", interval_count: 1 }, months),
    invoice: null,
    invoice_item: null,
    promotion_code: code?.id ?? null,
    source: { coupon: coupon.id, type: "coupon" },
    start,
    subscription: subscription.id,
    subscription_item: null,
  });
  subscription.discounts = [discount.id];
  world.emit(cause, "customer.discount.created", discount);
}

export function endDiscounts(world: World, cause: Cause, subscription: Stripe.Subscription): void {
  for (const each of subscription.discounts) {
    const discount = world.billing.discounts.get(idOf(each));
    if (discount) world.emit(cause, "customer.discount.deleted", discount);
  }
  subscription.discounts = [];
}

export type Reduction = {
  readonly discount: Stripe.Discount;
  readonly shares: readonly number[];
  readonly once: boolean;
};

/** What the subscription's discount takes off these amounts. */
export function reductionOf(
  world: World,
  subscription: Stripe.Subscription,
  amounts: readonly number[],
): Reduction | undefined {
  const discount = world.billing.discounts.get(idOf(subscription.discounts[0]));
  if (!discount || (discount.end !== null && discount.end <= world.seconds())) return undefined;
  const coupon = world.coupons.get(idOf(discount.source.coupon));
  const base = amounts.reduce((sum, amount) => sum + amount, 0);
  if (!coupon || base <= 0) return undefined;
  const once = coupon.duration === "once";
  return { discount, shares: spreadOver(amountOff(coupon, base), amounts), once };
}
