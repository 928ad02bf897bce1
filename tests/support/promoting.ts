/** Promotion codes at Stripe, made as a shop makes them, and orders that use them. */
import StripeSdk from "stripe";
import { call, type Called } from "./call.ts";
import type { Customer, World } from "./world.ts";

export type Offer = {
  readonly coupon?: StripeSdk.CouponCreateParams;
  readonly code?: Partial<StripeSdk.PromotionCodeCreateParams>;
};

let codes = 0;

export function usePromotions(world: World) {
  const sdk = () => new StripeSdk("sk_test_cascade", world.stripe.sdkConfig);

  /** A new code of ten per cent, or of what is given; its text is its own. */
  async function offer({ coupon, code }: Offer = {}) {
    codes += 1;
    const made = await sdk().coupons.create(
      coupon?.amount_off === undefined ? { percent_off: 10, ...coupon } : coupon,
    );
    const promotion = await sdk().promotionCodes.create({
      promotion: { type: "coupon", coupon: made.id },
      code: `CARNEVALE-${codes}`,
      ...code,
    });
    world.stripe.faults.forget();
    return { id: promotion.id, code: promotion.code, coupon: made.id };
  }

  async function end(promotion: { readonly id: string }): Promise<void> {
    await sdk().promotionCodes.update(promotion.id, { active: false });
    world.stripe.faults.forget();
  }

  return { sdk, offer, end };
}

/** An Explorer pack for the wallet, or what is given. */
function orderWith(order: object, promotionCode: string): object {
  const what = "amountCents" in order ? {} : { pack: "explorer" };
  return { ...what, deliverTo: "wallet", ...order, promotionCode };
}

export function quoteWith(customer: Customer, promotionCode: string, order: object = {}): Promise<Called> {
  const json = orderWith(order, promotionCode);
  return call("quote", { json, token: customer.token });
}

let orders = 0;

export function buyQuote(
  customer: Customer,
  quote: string,
  key = `promoted-quote-${(orders += 1)}`,
): Promise<Called> {
  return call("create-checkout", {
    ...{ json: { quote }, token: customer.token },
    headers: { "idempotency-key": key },
  });
}

export function buyWith(
  customer: Customer,
  promotionCode: string,
  order: object = {},
  key = `promoted-${(orders += 1)}`,
): Promise<Called> {
  const json = orderWith(order, promotionCode);
  return call("create-checkout", { json, token: customer.token, headers: { "idempotency-key": key } });
}
