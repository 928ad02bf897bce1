/** What a promotion code takes off: to the cent, never more than there is, half a cent up. */
import { describe, expect, test } from "vitest";
import { cents } from "../../lib/money.ts";
import { centsOff, discountOf } from "../../lib/purchase/promotion.ts";
import { refusalOfPromotion } from "../../lib/stripe/promotion-codes.ts";
import type { PromotionCode } from "../../lib/stripe/promotion-codes-port.ts";

const percent = (hundredths: bigint) => ({ kind: "percent" as const, hundredths });

test("every hundredth of a per cent of many prices: nearest cent, a half up, as decimals say it", () => {
  for (const price of [1_000n, 1_001n, 2_345n, 9_999n, 50_000n, 1_000_000n])
    for (let hundredths = 1n; hundredths <= 10_000n; hundredths += 1n) {
      const off = centsOff(percent(hundredths), cents(price));
      const exact = price * hundredths;
      const error = off * 10_000n - exact;
      if (error > 5_000n || error <= -5_000n || off > price)
        throw new Error(`${hundredths} of ${price} takes off ${off}`);
    }
});

test.each([
  [1_250n, 9_996n, 1_250n],
  [1_250n, 9_900n, 1_238n],
  [50n, 1_100n, 6n],
  [49n, 1_000n, 5n],
  [10_000n, 1_000n, 1_000n],
  [1n, 1_000n, 0n],
])("%d hundredths of a per cent of %d cents are %d", (hundredths, price, expected) => {
  expect(centsOff(percent(hundredths), cents(price))).toBe(expected);
});

test("an amount takes off no more than there is", () => {
  const off = (amount: bigint) =>
    centsOff({ kind: "amount", cents: cents(amount), currency: "usd" }, cents(1_000n));
  expect([off(1n), off(1_000n), off(1_001n)]).toEqual([1n, 1_000n, 1_000n]);
});

describe("of codes with one text", () => {
  const code = (changed: Partial<PromotionCode>): PromotionCode => ({
    id: "promo_1",
    off: percent(1_000n),
    minimum: null,
    firstPurchaseOnly: false,
    customerId: null,
    state: "active",
    ...changed,
  });
  const nobody = { stripeCustomer: null, hasBought: false };
  const marco = { stripeCustomer: "cus_marco", hasBought: true };

  test("the buyer's own comes first, then everybody's, and another's never", () => {
    const all = [
      code({ id: "promo_other", customerId: "cus_other" }),
      code({ id: "promo_all" }),
      code({ id: "promo_own", customerId: "cus_marco" }),
    ];
    expect(discountOf(all, cents(1_000n), marco)).toMatchObject({ discount: { promotionCode: "promo_own" } });
    expect(discountOf(all, cents(1_000n), nobody)).toMatchObject({
      discount: { promotionCode: "promo_all" },
    });
    expect(discountOf(all.slice(0, 1), cents(1_000n), nobody)).toEqual({ kind: "promotion_unknown" });
    expect(discountOf([], cents(1_000n), nobody)).toEqual({ kind: "promotion_unknown" });
  });

  test("its minimum is of the price before the discount, itself included", () => {
    const found = [code({ minimum: { cents: cents(1_000n), currency: "usd" } })];
    expect(discountOf(found, cents(1_000n), nobody).kind).toBe("granted");
    expect(discountOf(found, cents(999n), nobody)).toEqual({
      kind: "promotion_below_minimum",
      minimumCents: 1_000n,
    });
  });
});

test.each([
  ["promotion_code_used_up", "This promotion code has been used up.", "promotion_used_up"],
  ["promotion_code_expired", "This promotion code has expired.", "promotion_expired"],
  [undefined, "This promotion code is inactive.", "promotion_expired"],
  ["coupon_expired", "Coupon expired: X", "promotion_expired"],
  [
    undefined,
    "This promotion code cannot be redeemed because the associated customer has prior transactions.",
    "promotion_first_purchase_only",
  ],
  [
    "promotion_code_amount_insufficient",
    "does not meet the minimum amount requirement.",
    "promotion_below_minimum",
  ],
  ["resource_missing", "No such promotion code: 'promo_no'", "promotion_unknown"],
  [undefined, "Something that Stripe has not said before", "promotion_not_usable"],
] as const)("Stripe's %s, %s is %s", (code, message, expected) => {
  expect(refusalOfPromotion({ code, message })).toBe(expected);
});
