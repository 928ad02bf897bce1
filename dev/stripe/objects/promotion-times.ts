/** Until when coupons and promotion codes can be redeemed. */
import { invalid } from "../protocol/errors.ts";
import { idOf } from "../reference.ts";
import type { World } from "../world.ts";

const FURTHEST_SECONDS = 5 * 365 * 24 * 60 * 60;

export function refuseFarFuture(world: World, at: number, param: string): void {
  if (at <= world.seconds()) {
    throw invalid(
      `The parameter \`${param}\` expects a unix timestamp representing a date and time in the future. You specified ` +
        `the value \`${at}\` which is in the past.`,
      { param },
    );
  }
  if (at - world.seconds() > FURTHEST_SECONDS) {
    throw invalid("Invalid timestamp: can be no more than five years in the future.", { param });
  }
}

/** Called before anything looks at them, because no clock runs here by itself. */
export function endPromotions(world: World): void {
  const now = world.seconds();
  for (const coupon of world.coupons.oldestFirst()) {
    const isOver = coupon.redeem_by !== null && coupon.redeem_by < now;
    if (isOver || isUsedUp(coupon)) coupon.valid = false;
  }
  for (const code of world.promotionCodes.oldestFirst()) {
    const isOver = code.expires_at !== null && code.expires_at < now;
    const coupon = world.coupons.get(idOf(code.promotion.coupon));
    if (isOver || isUsedUp(code) || !coupon?.valid) code.active = false;
  }
}

export function isUsedUp(of: { max_redemptions: number | null; times_redeemed: number }): boolean {
  return of.max_redemptions !== null && of.times_redeemed >= of.max_redemptions;
}
