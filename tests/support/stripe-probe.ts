/** What our code relies on in Stripe, asked of any Stripe: the stand-in always, the real one when a test key is given. */
import Stripe from "stripe";

export type ProbeFinding = Readonly<Record<string, unknown>>;

/** Makes and expires a session on a product of its own; leaves an archived product behind. */
export async function probe(stripe: Stripe): Promise<ProbeFinding> {
  const mark = `probe_${Date.now()}`;
  const found: Record<string, unknown> = {};
  const product = await stripe.products.create({ id: `cascade_${mark}`, name: "CASCADE probe" });
  found["a product keeps the id it was given"] = product.id === `cascade_${mark}`;
  const order: Stripe.Checkout.SessionCreateParams = {
    mode: "payment",
    line_items: [{ quantity: 1, price_data: { currency: "usd", unit_amount: 1000, product: product.id } }],
    metadata: { purchase: mark },
    payment_intent_data: { metadata: { purchase: mark } },
    success_url: "https://example.com/done",
    cancel_url: "https://example.com/left",
    expires_at: Math.floor(Date.now() / 1000) + 3_600,
  };
  const session: Stripe.Checkout.SessionCreateParams = {
    ...order,
    customer_email: "probe@example.com",
    customer_creation: "always",
  };
  const key = { idempotencyKey: mark };
  const made = await stripe.checkout.sessions.create(session, key);
  found["a session"] = [
    made.object,
    made.status,
    made.payment_status,
    made.amount_total,
    made.currency,
    made.mode,
  ];
  found["it has a page"] = typeof made.url === "string";
  found["its metadata"] = made.metadata;
  found["the same key again is the same session"] =
    (await stripe.checkout.sessions.create(session, key)).id === made.id;
  found["the same key for another order"] = await refusal(() =>
    stripe.checkout.sessions.create({ ...session, cancel_url: "https://example.com/other" }, key),
  );
  found["an expiry too near"] = await refusal(() =>
    stripe.checkout.sessions.create({ ...session, expires_at: Math.floor(Date.now() / 1000) + 60 }),
  );
  found["an unknown product"] = await refusal(() =>
    stripe.checkout.sessions.create({
      ...session,
      line_items: [
        { quantity: 1, price_data: { currency: "usd", unit_amount: 1000, product: `${product.id}_not` } },
      ],
    }),
  );
  found["an unknown customer"] = await refusal(() =>
    stripe.checkout.sessions.create({ ...order, customer: "cus_probe_not_there" }),
  );
  found["expired by us"] = (await stripe.checkout.sessions.expire(made.id)).status;
  found["expired again"] = await refusal(() => stripe.checkout.sessions.expire(made.id));
  found["seen afterwards"] = (await stripe.checkout.sessions.retrieve(made.id)).status;
  found["an unknown parameter"] = await refusal(() =>
    stripe.customers.create({ ...{ nonsense: "1" }, email: "probe@example.com" }),
  );
  Object.assign(found, await probeAbsent(stripe), await probeDiscounts(stripe, session, mark));
  await stripe.products.update(product.id, { active: false });
  return found;
}

/** What is said of things that are not there: the parameter is not called the same everywhere. */
async function probeAbsent(stripe: Stripe): Promise<ProbeFinding> {
  return {
    "no such dispute": await refusal(() => stripe.disputes.retrieve("du_probe_not_there")),
    "no such refund": await refusal(() => stripe.refunds.retrieve("re_probe_not_there")),
    "no such payout": await refusal(() => stripe.payouts.retrieve("po_probe_not_there")),
    "transactions of no payout": await refusal(() =>
      stripe.balanceTransactions.list({ payout: "po_probe_not_there" }),
    ),
    "a refund of no charge": await refusal(() => stripe.refunds.create({ charge: "ch_probe_not_there" })),
    "a refund of nothing": await refusal(() => stripe.refunds.create({})),
    "no such promotion code": await refusal(() => stripe.promotionCodes.retrieve("promo_probe_not_there")),
  };
}

/** Codes and coupons; leaves nothing behind that could be redeemed. */
async function probeDiscounts(
  stripe: Stripe,
  session: Stripe.Checkout.SessionCreateParams,
  mark: string,
): Promise<ProbeFinding> {
  const found: Record<string, unknown> = {};
  const tenth = await stripe.coupons.create({ percent_off: 10, name: "CASCADE probe" });
  const all = await stripe.coupons.create({ percent_off: 100, name: "CASCADE probe" });
  const promotion = { type: "coupon" as const, coupon: tenth.id };
  const code = mark.replaceAll("_", "-").toUpperCase();
  const once = await stripe.promotionCodes.create({ promotion, code, max_redemptions: 1 });
  found["the same code again, in small letters"] = await refusal(() =>
    stripe.promotionCodes.create({ promotion, code: code.toLowerCase() }),
  );
  const big = await stripe.promotionCodes.create({
    promotion,
    restrictions: { minimum_amount: 100_000, minimum_amount_currency: "usd" },
  });
  const order = (discount: Stripe.Checkout.SessionCreateParams.Discount) =>
    stripe.checkout.sessions.create({ ...session, discounts: [discount] });
  const first = await order({ promotion_code: once.id });
  found["a tenth off"] = [first.amount_subtotal, first.total_details?.amount_discount, first.amount_total];
  found["its discounts"] = first.discounts?.map((each) => Object.keys(each).sort());
  await stripe.checkout.sessions.expire(first.id);
  found["a code for one, after its session has expired"] = await refusal(() =>
    order({ promotion_code: once.id }),
  );
  found["a code for larger orders"] = await refusal(() => order({ promotion_code: big.id }));
  found["no such code"] = await refusal(() => order({ promotion_code: "promo_probe_not_there" }));
  const free = await order({ coupon: all.id });
  found["all off"] = [free.amount_total, free.payment_status];
  await stripe.checkout.sessions.expire(free.id);
  for (const { id } of [tenth, all]) await stripe.coupons.del(id);
  return found;
}

/** An error as our code tells errors apart: its class, status and the parameter at fault. */
async function refusal(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    await ask();
    return "accepted";
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    return [error.type, error.statusCode, error.param ?? null];
  }
}
