/** The discount of a Checkout Session: whether it may be had, and what it takes off each line. */
import type { Stripe } from "stripe";
import { isUsedUp } from "../objects/promotion-times.ts";
import { invalid, noSuchIn, onlyOneOf } from "../protocol/errors.ts";
import type { World } from "../world.ts";
import { idOf } from "../reference.ts";

export type Applied = {
  readonly coupon: Stripe.Coupon;
  readonly code: Stripe.PromotionCode | undefined;
  /** Cents off the subtotal. */
  readonly amount: number;
  /** Its redemption has been counted. */
  readonly counted?: true;
};

export type Order = {
  readonly subtotal: number;
  readonly currency: string;
  readonly customer: Stripe.Customer | null;
};

const PARAM = "discounts[0]";

/** @throws Refusal when the coupon or code is not there or may not be used for this order. */
export function applyDiscounts(
  world: World,
  given: Stripe.Checkout.SessionCreateParams["discounts"],
  order: Order,
): Applied | undefined {
  const [first, second] = given ?? [];
  if (!first) return undefined;
  if (second) {
    throw invalid("Checkout Sessions support up to one coupon or promotion code.", { param: "discounts" });
  }
  if (first.coupon !== undefined && first.promotion_code !== undefined) {
    throw onlyOneOf(`${PARAM}[coupon]`, `${PARAM}[promotion_code]`);
  }
  const code = first.promotion_code === undefined ? undefined : usable(world, first.promotion_code, order);
  const id = code ? idOf(code.promotion.coupon) : first.coupon;
  if (id === undefined) return undefined;
  const coupon = redeemable(world, id, order);
  return { coupon, code, amount: amountOff(coupon, order.subtotal) };
}

/**
 * Counts the redemption. A session takes it when it is made and keeps it when it expires: so shops have found it at
 * Stripe, whose documentation does not say.
 */
export function redeem({ coupon, code }: Applied): void {
  coupon.times_redeemed += 1;
  if (isUsedUp(coupon)) coupon.valid = false;
  if (!code) return;
  code.times_redeemed += 1;
  if (isUsedUp(code) || !coupon.valid) code.active = false;
}

/** Spreads the discount over the lines in proportion; what rounding leaves goes to the last. */
export function spread(lineItems: readonly Stripe.LineItem[], amount: number): void {
  if (amount === 0) return;
  const subtotal = lineItems.reduce((sum, each) => sum + each.amount_subtotal, 0);
  let left = amount;
  for (const [index, item] of lineItems.entries()) {
    const isLast = index === lineItems.length - 1;
    const share = isLast ? left : Math.floor((amount * item.amount_subtotal) / subtotal);
    item.amount_discount = share;
    item.amount_total = item.amount_subtotal - share;
    left -= share;
  }
}

/** In hundredths of a per cent, so that no fraction of a cent is lost on the way; half a cent is rounded up. */
export function amountOff(coupon: Stripe.Coupon, subtotal: number): number {
  if (coupon.amount_off !== null) return Math.min(coupon.amount_off, subtotal);
  const hundredths = Math.round((coupon.percent_off ?? 0) * 100);
  return Math.round((subtotal * hundredths) / 10_000);
}

function usable(world: World, id: string, order: Order): Stripe.PromotionCode {
  const param = `${PARAM}[promotion_code]`;
  const code = world.promotionCodes.get(id);
  if (!code) throw noSuchIn(param, "promotion code", id);
  if (isUsedUp(code)) {
    throw invalid("This promotion code has been used up.", { param, code: "promotion_code_used_up" });
  }
  if (code.expires_at !== null && code.expires_at < world.seconds()) {
    throw invalid("This promotion code has expired.", { param, code: "promotion_code_expired" });
  }
  const coupon = world.coupons.get(idOf(code.promotion.coupon));
  // A coupon that has ended is refused in its own words.
  if (!code.active && (!coupon || coupon.valid)) throw invalid("This promotion code is inactive.", { param });
  if (code.customer !== null && code.customer !== order.customer?.id) {
    throw invalid("This promotion code cannot be redeemed because it belongs to another customer.", {
      param,
    });
  }
  if (code.restrictions.first_time_transaction && hasPaidBefore(world, order.customer)) {
    throw invalid(
      "This promotion code cannot be redeemed because the associated customer has prior transactions.",
      { param },
    );
  }
  refuseSmall(code.restrictions, order, param);
  return code;
}

function refuseSmall(restrictions: Stripe.PromotionCode.Restrictions, order: Order, param: string): void {
  const { minimum_amount: minimum, minimum_amount_currency: currency } = restrictions;
  if (minimum === null || (currency === order.currency && order.subtotal >= minimum)) return;
  throw invalid(
    "This promotion code cannot be redeemed because the associated purchase does not meet the minimum amount requirement.",
    { param, code: "promotion_code_amount_insufficient" },
  );
}

function redeemable(world: World, id: string, order: Order): Stripe.Coupon {
  const param = `${PARAM}[coupon]`;
  const coupon = world.coupons.get(id);
  if (!coupon) throw noSuchIn(param, "coupon", id);
  if (isUsedUp(coupon)) {
    throw invalid(`Coupon ${id} is used up and cannot be applied.`, { param, code: "coupon_expired" });
  }
  if (!coupon.valid) throw invalid(`Coupon expired: ${id}`, { param, code: "coupon_expired" });
  if (coupon.currency !== null && coupon.currency !== order.currency) {
    throw invalid(
      `The coupon ${id} is in ${coupon.currency} and cannot be applied to a Checkout Session in ${order.currency}.`,
      { param },
    );
  }
  return coupon;
}

/** Stripe counts any PaymentIntent of the customer, one that never succeeded too. */
function hasPaidBefore(world: World, customer: Stripe.Customer | null): boolean {
  if (!customer) return false;
  return world.paymentIntents.oldestFirst().some((intent) => intent.customer === customer.id);
}
