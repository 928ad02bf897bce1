/** Subscribing and storing cards at the stand-in: on the hosted checkout page, by SetupIntents, and in test clocks' time. */
import type { Stripe } from "stripe";
import { expect, test } from "vitest";
import { idOf } from "../../dev/stripe/reference.ts";
import { control, pageForm, purchase, refusal, start, startWithShop } from "./stripe-shop.ts";
import { at, balances, DAY, HOUR, latest, plans, subscriber } from "./stripe-subscriber.ts";

async function shop(extra: Partial<Stripe.Checkout.SessionCreateParams> = {}) {
  const started = await start();
  const prices = await plans(started.stripe);
  const session = (more: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
    started.stripe.checkout.sessions.create({
      mode: "subscription",
      line_items: [{ price: prices.pro, quantity: 1 }],
      success_url: "https://shop.test/thanks?session={CHECKOUT_SESSION_ID}",
      cancel_url: "https://shop.test/plans",
      ...extra,
      ...more,
    });
  return { ...started, plans: prices, session };
}

test("a price found by its lookup key is subscribed to on the page: events in Stripe's order", async () => {
  const { stripe, standIn, session } = await shop({ subscription_data: { metadata: { account: "acc_1" } } });
  const [price] = (await stripe.prices.list({ lookup_keys: ["pro_monthly"] })).data;
  const made = await session({
    line_items: [{ price: price?.id ?? "", quantity: 1 }],
    client_reference_id: "acc_1",
  });
  expect(made).toMatchObject({
    mode: "subscription",
    amount_total: 4_000,
    payment_status: "unpaid",
    payment_method_types: ["card"],
    payment_method_collection: "always",
    subscription: null,
  });
  expect(await (await fetch(made.url ?? "")).text()).toContain("Subscribe for $40.00");
  const mark = standIn.events.mark();
  const refused = await pageForm(made.url, {
    email: "marco@venice.test",
    card: "4000000000000002",
    action: "pay",
  });
  expect(refused.status).toBe(402);
  expect(standIn.events.since(mark)).toEqual([]);
  const sent = await pageForm(made.url, {
    email: "marco@venice.test",
    card: "4242424242424242",
    action: "pay",
  });
  expect(sent.headers.get("location")).toBe(`https://shop.test/thanks?session=${made.id}`);
  const types = standIn.events.since(mark).map(({ type }) => type);
  expect(types.filter((type) => type !== "customer.updated")).toEqual([
    "customer.created",
    "payment_method.attached",
    "customer.subscription.created",
    "invoice.created",
    "invoice.finalized",
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice.updated",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice_payment.paid",
    "customer.subscription.updated",
    "charge.updated",
    "checkout.session.completed",
  ]);
  const done = await stripe.checkout.sessions.retrieve(made.id, { expand: ["subscription", "invoice"] });
  const subscription = done.subscription as Stripe.Subscription;
  expect(done).toMatchObject({ status: "complete", payment_status: "paid", payment_intent: null });
  expect(done.invoice).toMatchObject({ status: "paid", amount_paid: 4_000 });
  expect(subscription).toMatchObject({
    status: "active",
    metadata: { account: "acc_1" },
    customer: done.customer,
    default_payment_method: expect.stringMatching(/^pm_/) as string,
  });
  expect((await stripe.checkout.sessions.list({ subscription: subscription.id })).data).toHaveLength(1);
  expect((await stripe.customers.listPaymentMethods(idOf(done.customer))).data).toHaveLength(1);
  await balances(stripe, standIn);
});

test("the same happens whatever comes of the webhooks, and each is signed", async () => {
  const { standIn, stripe, shop: listener } = await startWithShop();
  const prices = await plans(stripe);
  const { id } = await stripe.checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price: prices.basic, quantity: 2 }],
    success_url: "https://shop.test/thanks",
  });
  standIn.webhooks.disturb({ reorder: true });
  standIn.pay(id);
  await standIn.flush();
  const types = listener.types();
  expect(types.indexOf("checkout.session.completed")).toBeLessThan(
    types.indexOf("customer.subscription.created"),
  );
  for (const { body, signature } of listener.received) {
    expect(stripe.webhooks.constructEvent(body, signature, "whsec_standin").id).toMatch(/^evt_/);
  }
  await balances(stripe, standIn);
});

test("a trial on the page: the card is stored, nothing is paid; without one where none is asked for", async () => {
  const { stripe, standIn, session } = await shop({ subscription_data: { trial_period_days: 7 } });
  const made = await session();
  expect(made).toMatchObject({ amount_total: 0, payment_status: "no_payment_required" });
  expect(standIn.pay(made.id, { card: "4000000000000002" }).outcome.kind).toBe("declined");
  expect(standIn.pay(made.id).outcome.kind).toBe("paid");
  const { subscription } = await stripe.checkout.sessions.retrieve(made.id, { expand: ["subscription"] });
  expect(subscription).toMatchObject({
    status: "trialing",
    default_payment_method: expect.stringMatching(/^pm_/) as string,
  });
  const bare = await session({
    payment_method_collection: "if_required",
    subscription_data: {
      trial_period_days: 7,
      trial_settings: { end_behavior: { missing_payment_method: "cancel" } },
    },
  });
  standIn.pay(bare.id);
  expect(
    (await stripe.checkout.sessions.retrieve(bare.id, { expand: ["subscription"] })).subscription,
  ).toMatchObject({
    default_payment_method: null,
    trial_settings: { end_behavior: { missing_payment_method: "cancel" } },
  });
  await balances(stripe, standIn);
});

test("3-D Secure on the page: proven once, a renewal by that card asks for nothing more", async () => {
  const { stripe, standIn, session } = await shop();
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: at("2026-04-01") });
  const customer = await stripe.customers.create({ email: "marco@venice.test", test_clock: clock.id });
  const made = await session({ customer: customer.id });
  const sent = await pageForm(made.url, { card: "4000002500003155", action: "pay" });
  expect(sent.headers.get("location")).toBe(`/c/pay/${made.id}/authenticate`);
  const page = `${standIn.url}/c/pay/${made.id}/authenticate`;
  expect(await (await fetch(page)).text()).toContain("Is it you who pays $40.00?");
  expect((await pageForm(page, { action: "fail" })).status).toBe(402);
  await pageForm(made.url, { card: "4000002500003155", action: "pay" });
  expect((await pageForm(page, { action: "complete" })).status).toBe(303);
  const subscription = idOf((await stripe.checkout.sessions.retrieve(made.id)).subscription);
  standIn.advanceClock(clock.id, at("2026-05-01") + HOUR);
  expect(await latest(stripe, subscription)).toMatchObject({ status: "paid", created: at("2026-05-01") });
  await balances(stripe, standIn);
});

test("a promotion code on the page is redeemed once and stays with the subscription", async () => {
  const { stripe, standIn, session } = await shop();
  const coupon = await stripe.coupons.create({ percent_off: 50, duration: "forever" });
  const code = await stripe.promotionCodes.create({
    promotion: { type: "coupon", coupon: coupon.id },
    code: "HALF",
  });
  const made = await session({ discounts: [{ promotion_code: code.id }] });
  expect(made.amount_total).toBe(2_000);
  standIn.pay(made.id);
  const subscription = idOf((await stripe.checkout.sessions.retrieve(made.id)).subscription);
  expect(await latest(stripe, subscription)).toMatchObject({ subtotal: 4_000, amount_paid: 2_000 });
  expect((await stripe.promotionCodes.retrieve(code.id)).times_redeemed).toBe(1);
  expect(
    (await stripe.subscriptions.retrieve(subscription, { expand: ["discounts"] })).discounts,
  ).toMatchObject([{ promotion_code: code.id, source: { coupon: coupon.id } }]);
  await balances(stripe, standIn);
});

test("refuses what belongs to another mode", async () => {
  const { stripe, session, plans: prices } = await shop();
  expect(await refusal(session({ payment_intent_data: { metadata: { a: "1" } } }))).toMatchObject({
    param: "payment_intent_data",
  });
  expect(await refusal(session({ customer_creation: "always" }))).toMatchObject({
    param: "customer_creation",
  });
  expect(await refusal(session({ subscription_data: { trial_period_days: 0 } }))).toMatchObject({
    param: "subscription_data[trial_period_days]",
  });
  expect(
    await refusal(stripe.checkout.sessions.create(purchase({ payment_method_collection: "always" }))),
  ).toMatchObject({
    param: "payment_method_collection",
  });
  expect(
    await refusal(
      stripe.checkout.sessions.create(purchase({ line_items: [{ price: prices.pro, quantity: 1 }] })),
    ),
  ).toMatchObject({
    param: "mode",
  });
  expect(await refusal(session({ allowed_payment_method_types: ["us_bank_account"] }))).toMatchObject({
    code: "stand_in_unsupported",
  });
});

test("mode setup stores a card with the customer", async () => {
  const { stripe, standIn } = await start();
  const customer = await stripe.customers.create({ email: "marco@venice.test" });
  const params = { mode: "setup", customer: customer.id, success_url: "https://shop.test/thanks" } as const;
  expect(await refusal(stripe.checkout.sessions.create(params))).toMatchObject({
    code: "parameter_missing",
    param: "currency",
  });
  const made = await stripe.checkout.sessions.create({
    ...params,
    currency: "usd",
    setup_intent_data: { metadata: { for: "ducats" } },
  });
  expect(made).toMatchObject({
    amount_total: null,
    payment_status: "no_payment_required",
    total_details: null,
  });
  expect(await (await fetch(made.url ?? "")).text()).toContain("Store this card");
  const mark = standIn.events.mark();
  expect((await pageForm(made.url, { card: "4000000000000002", action: "pay" })).status).toBe(402);
  const asked = await pageForm(made.url, { card: "4000002500003155", action: "pay" });
  expect(asked.headers.get("location")).toBe(`/c/pay/${made.id}/authenticate`);
  await pageForm(`${standIn.url}/c/pay/${made.id}/authenticate`, { action: "complete" });
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "setup_intent.created",
    "setup_intent.setup_failed",
    "setup_intent.requires_action",
    "payment_method.attached",
    "setup_intent.succeeded",
    "checkout.session.completed",
  ]);
  const done = await stripe.checkout.sessions.retrieve(made.id, { expand: ["setup_intent.payment_method"] });
  expect(done.setup_intent).toMatchObject({
    status: "succeeded",
    metadata: { for: "ducats" },
    payment_method: { customer: customer.id, card: { last4: "3155" } },
  });
  await balances(stripe, standIn);
});

test("payment methods are stored, made the default and taken away; SetupIntents confirm and end", async () => {
  const { stripe, standIn } = await start();
  const customer = await stripe.customers.create({ email: "marco@venice.test" });
  const other = await stripe.customers.create({ email: "lucia@venice.test" });
  const mark = standIn.events.mark();
  const card = await stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
  expect(await refusal(stripe.paymentMethods.attach(card.id, { customer: other.id }))).toMatchObject({
    message: "The payment method you provided has already been attached to a customer.",
  });
  expect(
    await refusal(stripe.paymentMethods.attach("pm_card_chargeDeclined", { customer: other.id })),
  ).toMatchObject({
    statusCode: 402,
    code: "card_declined",
  });
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
  expect(
    await refusal(
      stripe.customers.update(other.id, { invoice_settings: { default_payment_method: card.id } }),
    ),
  ).toMatchObject({
    code: "resource_missing",
    param: "invoice_settings[default_payment_method]",
  });
  await stripe.paymentMethods.detach(card.id);
  expect(standIn.events.since(mark).map(({ type, data }) => [type, data.previous_attributes])).toEqual([
    ["payment_method.attached", undefined],
    ["customer.updated", { invoice_settings: { default_payment_method: null } }],
    ["payment_method.detached", { customer: customer.id }],
    ["customer.updated", { invoice_settings: { default_payment_method: card.id } }],
  ]);
  expect((await refusal(stripe.paymentMethods.detach(card.id))).message).toContain(
    "not attached to a customer",
  );
  const fresh = await stripe.paymentMethods.attach("pm_card_authenticationRequiredOnSetup", {
    customer: customer.id,
  });
  const intent = await stripe.setupIntents.create({
    customer: customer.id,
    payment_method: fresh.id,
    confirm: true,
  });
  expect(intent.status).toBe("requires_action");
  expect(
    (await pageForm(intent.next_action?.redirect_to_url?.url ?? "", { action: "complete" })).status,
  ).toBe(200);
  expect((await stripe.setupIntents.retrieve(intent.id)).status).toBe("succeeded");
  expect(await refusal(stripe.setupIntents.cancel(intent.id))).toMatchObject({
    code: "setup_intent_unexpected_state",
  });
  const left = await stripe.setupIntents.create({ customer: customer.id });
  expect((await stripe.setupIntents.cancel(left.id)).status).toBe("canceled");
  expect((await stripe.setupIntents.list({ customer: customer.id })).data).toHaveLength(2);
  await balances(stripe, standIn);
});

test("a test clock goes forward only, two intervals at once, and nothing is done meanwhile", async () => {
  const {
    stripe,
    standIn,
    clock,
    customer,
    plans: prices,
    subscribe,
  } = await subscriber("2026-04-01", {
    options: { advancingMs: 300 },
  });
  const { id } = await subscribe(prices.basic);
  const advance = (to: number) => stripe.testHelpers.testClocks.advance(clock, { frozen_time: to });
  expect(await refusal(advance(at("2026-04-01")))).toMatchObject({ param: "frozen_time" });
  expect(await refusal(advance(at("2026-06-01") + 1))).toMatchObject({ param: "frozen_time" });
  const advancing = await advance(at("2026-06-01"));
  expect(advancing).toMatchObject({
    status: "advancing",
    status_details: { advancing: { target_frozen_time: at("2026-06-01") } },
  });
  expect(await refusal(stripe.subscriptions.cancel(id))).toMatchObject({ statusCode: 429 });
  await standIn.flush();
  expect(await stripe.testHelpers.testClocks.retrieve(clock)).toMatchObject({
    status: "ready",
    frozen_time: at("2026-06-01"),
  });
  expect((await stripe.customers.list()).data).toEqual([]);
  expect((await stripe.customers.list({ test_clock: clock })).data.map((each) => each.id)).toEqual([
    customer,
  ]);
  expect((await stripe.subscriptions.list({ test_clock: clock })).data).toHaveLength(1);
  await stripe.customers.create({ test_clock: clock });
  await stripe.customers.create({ test_clock: clock });
  expect(await refusal(stripe.customers.create({ test_clock: clock }))).toMatchObject({
    param: "test_clock",
  });
  expect(await stripe.testHelpers.testClocks.del(clock)).toMatchObject({ deleted: true });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("canceled");
  const types = new Set(standIn.events.since().map(({ type }) => type));
  for (const type of ["created", "advancing", "ready", "deleted"])
    expect(types).toContain(`test_helpers.test_clock.${type}`);
});

test("events of a clock in the past are listed by when they were made", async () => {
  const { stripe, subscribe, plans: prices } = await subscriber("2020-01-01");
  await subscribe(prices.basic);
  const { data } = await stripe.events.list({ type: "customer.subscription.created" });
  expect(data.map(({ created }) => created)).toEqual([at("2020-01-01")]);
});

test("the control page shows subscriptions and invoices, and lets time pass", async () => {
  const now = new Date("2026-04-01T00:00:00Z");
  const { stripe, standIn } = await start({ now: () => now });
  const prices = await plans(stripe);
  const customer = await stripe.customers.create({ email: "marco@venice.test" });
  const card = standIn.storeCard(customer.id);
  const { id } = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: prices.pro }] });
  expect(await (await fetch(`${standIn.url}/_control`)).text()).toContain("Advance a month");
  const form = (path: string, fields: Record<string, string>) =>
    pageForm(`${standIn.url}/_control${path}`, fields);
  expect((await form("/billing/advance", { days: "1" })).status).toBe(303);
  expect((await form("/billing/next", {})).status).toBe(303);
  expect(standIn.clock.now().toISOString()).toBe("2026-04-24T00:00:00.000Z");
  expect((await form(`/payment-methods/${card.id}/turn`, { card: "4000000000000341" })).status).toBe(303);
  expect((await form("/billing/advance", { months: "1" })).status).toBe(303);
  expect((await control(standIn, "/billing/settings", { afterRetries: "past_due" })).status).toBe(200);
  const invoice = await latest(stripe, id);
  expect(invoice.attempt_count).toBe(4);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("canceled");
  expect((await form(`/invoices/${invoice.id}/pay`, {})).status).toBe(303);
  expect((await stripe.invoices.retrieve(invoice.id)).status).toBe("paid");
  expect((await control(standIn, `/invoices/${invoice.id}/pay`)).status).toBe(409);
  expect(await (await fetch(`${standIn.url}/_control`)).text()).toContain(invoice.number ?? "no number");
  standIn.advance({ ms: DAY * 1_000 });
  await balances(stripe, standIn);
});
