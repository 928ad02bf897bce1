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
  await stripe.products.update(product.id, { active: false });
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
