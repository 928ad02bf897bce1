/** Coupons and promotion codes at the stand-in, and what they take off a Checkout Session. */
import type { Stripe } from "stripe";
import { expect, test } from "vitest";
import type { StripeStandIn } from "../../dev/stripe/start.ts";
import { holds, pageForm, purchase, refusal, start } from "./stripe-shop.ts";

type Offer = {
  readonly coupon?: Stripe.CouponCreateParams;
  readonly code?: Partial<Stripe.PromotionCodeCreateParams>;
};

async function offered({ coupon, code }: Offer = {}) {
  const started = await start();
  const made = await started.stripe.coupons.create(
    coupon?.amount_off === undefined ? { percent_off: 10, ...coupon } : coupon,
  );
  const promotion = await started.stripe.promotionCodes.create({
    promotion: { type: "coupon", coupon: made.id },
    code: "VENICE10",
    ...code,
  });
  return { ...started, coupon: made, promotion };
}

function discounted(promotionCode: string, extra: Partial<Stripe.Checkout.SessionCreateParams> = {}) {
  return purchase({ discounts: [{ promotion_code: promotionCode }], ...extra });
}

function items(...amounts: number[]): Partial<Stripe.Checkout.SessionCreateParams> {
  return {
    line_items: amounts.map((unit_amount) => ({
      quantity: 1,
      price_data: { currency: "usd", unit_amount, product_data: { name: `for ${unit_amount}` } },
    })),
  };
}

function redeemed(standIn: StripeStandIn) {
  const [code] = standIn.world.promotionCodes.newestFirst();
  const [coupon] = standIn.world.coupons.newestFirst();
  return [code?.times_redeemed, coupon?.times_redeemed, code?.active, coupon?.valid];
}

test("a code points to its coupon under `promotion`, and is found regardless of case", async () => {
  const { stripe, standIn, coupon, promotion } = await offered();
  expect(coupon).toMatchObject({ object: "coupon", duration: "once", percent_off: 10, valid: true });
  expect(promotion).toMatchObject({
    object: "promotion_code",
    active: true,
    code: "VENICE10",
    promotion: { type: "coupon", coupon: coupon.id },
    restrictions: { first_time_transaction: false, minimum_amount: null, minimum_amount_currency: null },
    times_redeemed: 0,
  });
  const listed = await stripe.promotionCodes.list({
    code: "venice10",
    active: true,
    expand: ["data.promotion.coupon"],
  });
  expect(listed.data[0]?.promotion.coupon).toMatchObject({ id: coupon.id, percent_off: 10 });
  expect((await stripe.promotionCodes.list({ active: false })).data).toEqual([]);
  expect((await stripe.promotionCodes.list({ coupon: coupon.id })).data).toHaveLength(1);
  const { code } = await stripe.promotionCodes.create({ promotion: { type: "coupon", coupon: coupon.id } });
  expect(code).toMatch(/^[A-Z0-9]{8}$/);
  expect(standIn.events.since().map(({ type }) => type)).toEqual([
    "coupon.created",
    "promotion_code.created",
    "promotion_code.created",
  ]);
  await holds(stripe, standIn);
});

test("refuses codes and coupons that make no sense, in Stripe's words", async () => {
  const { stripe, standIn, coupon } = await offered();
  const code = (params: object) =>
    refusal(stripe.promotionCodes.create({ promotion: { type: "coupon", coupon: coupon.id }, ...params }));
  expect(await code({ promotion: undefined })).toMatchObject({
    message: "Missing required param: promotion.",
    code: "parameter_missing",
  });
  expect(await code({ promotion: { type: "coupon" } })).toMatchObject({
    message: "You must pass promotion.coupon when passing promotion",
    param: "promotion.coupon",
  });
  expect(await code({ promotion: { type: "coupon", coupon: "NO" } })).toMatchObject({
    message: "No such coupon: 'NO'",
    param: "promotion[coupon]",
    code: "resource_missing",
    statusCode: 400,
  });
  expect(await code({ coupon: coupon.id })).toMatchObject({ code: "parameter_unknown", param: "coupon" });
  expect((await code({ code: "venice10" })).message).toBe(
    "An active promotion code with `code: venice10` already exists.",
  );
  expect((await code({ code: "has spaces!" })).message).toBe(
    "This value must match the regex pattern. (/\\A[a-zA-Z0-9\\-_]+\\z/ does not match for the value has spaces!).",
  );
  expect((await code({ expires_at: 2_000 })).message).toContain(
    "You specified the value `2000` which is in the past.",
  );
  expect((await code({ expires_at: 4_102_444_800 })).message).toBe(
    "Invalid timestamp: can be no more than five years in the future.",
  );
  expect(await code({ customer: "cus_no" })).toMatchObject({ code: "resource_missing", param: "customer" });
  expect((await code({ restrictions: { minimum_amount: 100 } })).param).toBe(
    "restrictions[minimum_amount_currency]",
  );
  const off = (params: Stripe.CouponCreateParams) => refusal(stripe.coupons.create(params));
  expect(await off({})).toMatchObject({ code: "parameter_missing" });
  expect(await off({ percent_off: 101 })).toMatchObject({ param: "percent_off" });
  expect(await off({ amount_off: 100 })).toMatchObject({ code: "parameter_missing", param: "currency" });
  expect(await off({ percent_off: 1, id: coupon.id })).toMatchObject({ code: "resource_already_exists" });
  expect(await off({ percent_off: 1, applies_to: { products: ["a"] } })).toMatchObject({
    code: "stand_in_unsupported",
  });
  expect((await refusal(stripe.promotionCodes.retrieve("promo_no"))).message).toBe(
    "No such promotion code: 'promo_no'",
  );
  expect(standIn.world.promotionCodes.oldestFirst()).toHaveLength(1);
  expect(standIn.world.coupons.oldestFirst()).toHaveLength(1);
});

test("a percentage is taken off, shown, charged and kept on the session", async () => {
  const { stripe, standIn, promotion } = await offered({ coupon: { percent_off: 12.5 } });
  const session = await stripe.checkout.sessions.create(
    discounted(promotion.id, { ...items(9_900), expand: ["line_items"] }),
  );
  expect(session).toMatchObject({
    amount_subtotal: 9_900,
    amount_total: 8_662,
    total_details: { amount_discount: 1_238 },
    discounts: [{ promotion_code: promotion.id, coupon: null }],
    line_items: { data: [{ amount_subtotal: 9_900, amount_discount: 1_238, amount_total: 8_662 }] },
  });
  const page = await (await fetch(session.url ?? "")).text();
  expect(page).toContain("$86.62");
  expect(page).toContain("$12.38 off by a discount.");
  await pageForm(session.url, { email: "marco@venice.test", card: "4242424242424242", action: "pay" });
  const [intent] = (await stripe.paymentIntents.list()).data;
  expect(intent).toMatchObject({ amount: 8_662, amount_received: 8_662 });
  expect(
    standIn.events.since().find(({ type }) => type === "checkout.session.completed")?.data.object,
  ).toMatchObject({
    amount_subtotal: 9_900,
    amount_total: 8_662,
    total_details: { amount_discount: 1_238 },
  });
  await holds(stripe, standIn);
});

test("an amount is taken off by coupon, and spread over the lines to the cent", async () => {
  const { stripe, standIn } = await start();
  const { id } = await stripe.coupons.create({ amount_off: 100, currency: "usd" });
  const session = await stripe.checkout.sessions.create(
    purchase({ discounts: [{ coupon: id }], ...items(333, 333, 334) }),
  );
  expect(session).toMatchObject({
    amount_subtotal: 1_000,
    amount_total: 900,
    discounts: [{ coupon: id, promotion_code: null }],
  });
  const { data } = await stripe.checkout.sessions.listLineItems(session.id);
  expect(data.map(({ amount_discount: off }) => off)).toEqual([33, 33, 34]);
  expect(data.reduce((sum, { amount_total: total }) => sum + total, 0)).toBe(900);
  await holds(stripe, standIn);
});

test("a net of zero needs no payment: no PaymentIntent, and the session completes", async () => {
  const { stripe, standIn, promotion } = await offered({ coupon: { amount_off: 10_000, currency: "usd" } });
  await refusal(stripe.coupons.create({ percent_off: 10, amount_off: 1, currency: "usd" }));
  const { id } = await stripe.checkout.sessions.create(
    discounted(promotion.id, { customer_creation: "always", customer_email: "marco@venice.test" }),
  );
  expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
    amount_total: 0,
    payment_status: "no_payment_required",
    total_details: { amount_discount: 9_900 },
  });
  const mark = standIn.events.mark();
  standIn.pay(id);
  const session = await stripe.checkout.sessions.retrieve(id);
  expect(session).toMatchObject({
    status: "complete",
    payment_status: "no_payment_required",
    payment_intent: null,
    customer: expect.stringMatching(/^cus_/) as string,
  });
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "customer.created",
    "checkout.session.completed",
  ]);
  await holds(stripe, standIn);
});

test("a net too small to charge is refused, and leaves the code unredeemed", async () => {
  const { stripe, standIn, promotion } = await offered({ coupon: { amount_off: 9_870, currency: "usd" } });
  const before = standIn.events.mark();
  expect(await refusal(stripe.checkout.sessions.create(discounted(promotion.id)))).toMatchObject({
    code: "amount_too_small",
  });
  expect(redeemed(standIn)).toEqual([0, 0, true, true]);
  expect(standIn.events.since(before)).toEqual([]);
});

test("redemptions are counted, kept when the session expires, and end the code", async () => {
  const { stripe, standIn, promotion } = await offered({ code: { max_redemptions: 2 } });
  const first = await stripe.checkout.sessions.create(discounted(promotion.id));
  await stripe.checkout.sessions.expire(first.id);
  expect(redeemed(standIn)).toEqual([1, 1, true, true]);
  await stripe.checkout.sessions.create(discounted(promotion.id));
  expect(redeemed(standIn)).toEqual([2, 2, false, true]);
  expect(await refusal(stripe.checkout.sessions.create(discounted(promotion.id)))).toMatchObject({
    message: "This promotion code has been used up.",
    code: "promotion_code_used_up",
    param: "discounts[0][promotion_code]",
  });
  expect(await refusal(stripe.promotionCodes.update(promotion.id, { active: true }))).toMatchObject({
    param: "active",
  });
});

test("a coupon that is used up or over ends all its codes", async () => {
  const { stripe, standIn, coupon, promotion } = await offered({ coupon: { max_redemptions: 1 } });
  await stripe.checkout.sessions.create(purchase({ discounts: [{ coupon: coupon.id }] }));
  expect(await stripe.promotionCodes.retrieve(promotion.id)).toMatchObject({ active: false });
  expect(await stripe.coupons.retrieve(coupon.id)).toMatchObject({ valid: false, times_redeemed: 1 });
  expect((await refusal(stripe.checkout.sessions.create(discounted(promotion.id)))).message).toBe(
    `Coupon ${coupon.id} is used up and cannot be applied.`,
  );
  await holds(stripe, standIn);
});

test("two sessions at once share one redemption: one is made", async () => {
  const { stripe, promotion } = await offered({ code: { max_redemptions: 1 } });
  const both = await Promise.allSettled(
    [1, 2].map(() => stripe.checkout.sessions.create(discounted(promotion.id))),
  );
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
});

test("time ends a code and a coupon", async () => {
  const now = Math.floor(Date.now() / 1000);
  const { stripe, standIn, promotion } = await offered({ code: { expires_at: now + 3_600 } });
  const soon = await stripe.coupons.create({ percent_off: 5, redeem_by: now + 3_600 });
  standIn.clock.advance(2 * 3_600_000);
  expect((await refusal(stripe.checkout.sessions.create(discounted(promotion.id)))).message).toBe(
    "This promotion code has expired.",
  );
  expect((await stripe.promotionCodes.list({ active: true })).data).toEqual([]);
  expect(
    await refusal(stripe.checkout.sessions.create(purchase({ discounts: [{ coupon: soon.id }] }))),
  ).toMatchObject({ code: "coupon_expired", message: `Coupon expired: ${soon.id}` });
  expect((await stripe.coupons.retrieve(soon.id)).valid).toBe(false);
});

test("restrictions: a minimum, its currency, a first purchase, one customer", async () => {
  const { stripe, standIn, coupon } = await offered();
  const marco = await stripe.customers.create({ email: "marco@venice.test" });
  const code = async (name: string, extra: Partial<Stripe.PromotionCodeCreateParams>) =>
    (
      await stripe.promotionCodes.create({
        promotion: { type: "coupon", coupon: coupon.id },
        code: name,
        ...extra,
      })
    ).id;
  const minimum = await code("BIG", {
    restrictions: { minimum_amount: 5_000, minimum_amount_currency: "usd" },
  });
  const small = await refusal(stripe.checkout.sessions.create(discounted(minimum, items(4_999))));
  expect(small).toMatchObject({
    message:
      "This promotion code cannot be redeemed because the associated purchase does not meet the minimum amount requirement.",
    param: "discounts[0][promotion_code]",
  });
  expect((await stripe.checkout.sessions.create(discounted(minimum, items(5_000)))).amount_total).toBe(4_500);

  const first = await code("FIRST", { restrictions: { first_time_transaction: true } });
  const forMarco = discounted(first, { customer: marco.id });
  const { id } = await stripe.checkout.sessions.create(forMarco);
  standIn.decline(id);
  expect((await refusal(stripe.checkout.sessions.create(forMarco))).message).toBe(
    "This promotion code cannot be redeemed because the associated customer has prior transactions.",
  );

  const his = await code("MARCO", { customer: marco.id });
  expect((await stripe.checkout.sessions.create(discounted(his, { customer: marco.id }))).amount_total).toBe(
    8_910,
  );
  const lucia = await stripe.customers.create({ email: "lucia@venice.test" });
  expect(
    await refusal(stripe.checkout.sessions.create(discounted(his, { customer: lucia.id }))),
  ).toMatchObject({ param: "discounts[0][promotion_code]" });
  await holds(stripe, standIn);
});

test("a session takes one discount, and one that is there", async () => {
  const { stripe, standIn, coupon, promotion } = await offered();
  const create = (discounts: NonNullable<Stripe.Checkout.SessionCreateParams["discounts"]>) =>
    refusal(stripe.checkout.sessions.create(purchase({ discounts })));
  expect(await create([{ coupon: coupon.id }, { promotion_code: promotion.id }])).toMatchObject({
    param: "discounts",
  });
  expect(await create([{ coupon: coupon.id, promotion_code: promotion.id }])).toMatchObject({
    param: "discounts[0][coupon]",
  });
  expect(await create([{ promotion_code: "promo_no" }])).toMatchObject({
    message: "No such promotion code: 'promo_no'",
    code: "resource_missing",
    param: "discounts[0][promotion_code]",
  });
  expect(await create([{ coupon: "NO" }])).toMatchObject({ code: "resource_missing" });
  const euros = await stripe.coupons.create({ amount_off: 100, currency: "eur" });
  expect(await create([{ coupon: euros.id }])).toMatchObject({ param: "discounts[0][coupon]" });
  await stripe.promotionCodes.update(promotion.id, { active: false });
  expect((await create([{ promotion_code: promotion.id }])).message).toBe("This promotion code is inactive.");
  expect(redeemed(standIn).slice(0, 2)).toEqual([0, 0]);
  await stripe.promotionCodes.update(promotion.id, { active: true, metadata: { by: "operator" } });
  expect(standIn.events.since().at(-1)?.data.previous_attributes).toMatchObject({ active: false });
});

test("a deleted coupon is gone, and its codes with it", async () => {
  const { stripe, standIn, coupon, promotion } = await offered();
  expect((await stripe.coupons.update(coupon.id, { name: "Ten", metadata: { a: "1" } })).name).toBe("Ten");
  expect(await stripe.coupons.del(coupon.id)).toMatchObject({ deleted: true });
  expect((await stripe.coupons.list()).data).toEqual([]);
  expect((await refusal(stripe.coupons.retrieve(coupon.id))).statusCode).toBe(404);
  expect((await stripe.promotionCodes.retrieve(promotion.id)).active).toBe(false);
  expect((await refusal(stripe.checkout.sessions.create(discounted(promotion.id)))).statusCode).toBe(400);
  await holds(stripe, standIn);
});
