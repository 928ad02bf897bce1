/** Subscriptions at the stand-in over a year of renewals, trials, changes, pauses and ends, asked by the real SDK. */
import { expect, test } from "vitest";
import { idOf } from "../../dev/stripe/reference.ts";
import { refusal, start } from "./stripe-shop.ts";
import { at, balances, DAY, day, HOUR, latest, plans, subscriber } from "./stripe-subscriber.ts";

const firstPayment = [
  "customer.subscription.created",
  "customer.updated",
  "invoice.created",
  "customer.updated",
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
];

test("begins with a paid invoice: active, a period from now, events in order and in one second", async () => {
  const { stripe, standIn, subscribe, plans: prices, types } = await subscriber("2026-01-31");
  const mark = standIn.events.mark();
  const subscription = await subscribe(prices.basic, { metadata: { account: "acc_1" } });
  expect(subscription).toMatchObject({
    status: "active",
    billing_mode: { type: "flexible" },
    metadata: { account: "acc_1" },
    items: { data: [{ current_period_start: at("2026-01-31"), current_period_end: at("2026-02-28") }] },
  });
  expect(types(mark).filter((type) => type !== "customer.updated")).toEqual(
    firstPayment.filter((type) => type !== "customer.updated"),
  );
  const events = standIn.events.since(mark);
  expect(new Set(events.map(({ created }) => created))).toEqual(new Set([at("2026-01-31")]));
  expect(events.find(({ type }) => type === "customer.subscription.created")?.data.object).toMatchObject({
    status: "incomplete",
    latest_invoice: subscription.latest_invoice,
  });
  expect(
    events.find(({ type }) => type === "customer.subscription.updated")?.data.previous_attributes,
  ).toEqual({
    status: "incomplete",
  });
  const invoice = await stripe.invoices.retrieve(idOf(subscription.latest_invoice), {
    expand: ["payments.data.payment.payment_intent"],
  });
  expect(invoice).toMatchObject({
    status: "paid",
    billing_reason: "subscription_create",
    amount_paid: 1_000,
    attempt_count: 1,
    parent: { type: "subscription_details", subscription_details: { subscription: subscription.id } },
    payments: {
      data: [{ status: "paid", payment: { payment_intent: { status: "succeeded", metadata: {} } } }],
    },
  });
  expect(invoice.number).toMatch(/^[A-Z0-9]{8}-0001$/);
  expect(invoice.lines.data).toMatchObject([
    {
      amount: 1_000,
      period: { start: at("2026-01-31"), end: at("2026-02-28") },
      description: "1 × Basic (at $10.00 / month)",
    },
  ]);
  expect(invoice.parent?.subscription_details?.metadata).toEqual({ account: "acc_1" });
  await balances(stripe, standIn);
});

test("a year on a test clock: twelve renewals at the month's end, drafts for an hour, numbers in a row", async () => {
  const { stripe, standIn, subscribe, plans: prices, until } = await subscriber("2026-01-31");
  const { id } = await subscribe(prices.basic);
  await until(at("2027-01-31") + 2 * HOUR);
  const { data } = await stripe.invoices.list({ subscription: id, limit: 100 });
  expect(data.map((invoice) => [day(invoice.lines.data[0]?.period.start), invoice.status])).toEqual(
    [
      "2027-01-31",
      "2026-12-31",
      "2026-11-30",
      "2026-10-31",
      "2026-09-30",
      "2026-08-31",
      "2026-07-31",
      "2026-06-30",
      "2026-05-31",
      "2026-04-30",
      "2026-03-31",
      "2026-02-28",
      "2026-01-31",
    ].map((start) => [start, "paid"]),
  );
  expect(new Set(data.map(({ number }) => number?.slice(-4)))).toHaveLength(13);
  expect(data[1]?.status_transitions.finalized_at).toBe(at("2026-12-31") + HOUR);
  expect(data[1]?.status_transitions.paid_at).toBe(at("2026-12-31") + HOUR);
  expect((await stripe.subscriptions.retrieve(id)).billing_cycle_anchor).toBe(at("2026-01-31"));
  expect((await stripe.balanceTransactions.list({ type: "charge", limit: 100 })).data).toHaveLength(13);
  await balances(stripe, standIn);
});

test("a renewal is announced, drafted, and an hour later finalized and paid", async () => {
  const { stripe, standIn, subscribe, plans: prices, until, types } = await subscriber("2026-03-01");
  const { id } = await subscribe(prices.basic);
  const mark = standIn.events.mark();
  await until(at("2026-04-01") + HOUR - 1);
  expect(types(mark)).toEqual([
    "test_helpers.test_clock.advancing",
    "invoice.upcoming",
    "invoice.created",
    "customer.subscription.updated",
    "test_helpers.test_clock.ready",
  ]);
  expect(standIn.events.since(mark).map(({ created }) => created)[1]).toBe(at("2026-03-25"));
  const upcoming = standIn.events.since(mark)[1]?.data.object;
  expect(upcoming).not.toHaveProperty("id");
  const draft = await latest(stripe, id);
  expect(draft).toMatchObject({
    status: "draft",
    number: null,
    billing_reason: "subscription_cycle",
    automatically_finalizes_at: at("2026-04-01") + HOUR,
    period_start: at("2026-03-01"),
    period_end: at("2026-04-01"),
    amount_due: upcoming?.["amount_due"],
    hosted_invoice_url: null,
  });
  const changed = standIn.events.since(mark)[3]?.data;
  expect(changed?.previous_attributes).toMatchObject({
    items: { data: [{ current_period_start: at("2026-03-01") }] },
    latest_invoice: expect.stringMatching(/^in_/) as string,
  });
  const second = standIn.events.mark();
  await until(at("2026-04-01") + HOUR);
  expect(types(second).filter((type) => !type.startsWith("test_helpers"))).toEqual(
    [
      "customer.updated",
      "invoice.finalized",
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.succeeded",
      "invoice.updated",
      "invoice.paid",
      "invoice.payment_succeeded",
      "invoice_payment.paid",
      "charge.updated",
    ].filter((type) => type !== "customer.updated"),
  );
  await balances(stripe, standIn);
});

test("a trial costs nothing, reminds three days before its end, and then bills", async () => {
  const { stripe, standIn, subscribe, plans: prices, until } = await subscriber("2026-01-01");
  const subscription = await subscribe(prices.basic, { trial_period_days: 14 });
  expect(subscription).toMatchObject({ status: "trialing", trial_end: at("2026-01-15") });
  const first = await latest(stripe, subscription.id);
  expect(first).toMatchObject({
    status: "paid",
    amount_due: 0,
    total: 0,
    billing_reason: "subscription_create",
  });
  expect(first.lines.data[0]?.description).toBe("Trial period for Basic");
  const mark = standIn.events.mark();
  await until(at("2026-01-15") + HOUR);
  const reminder = standIn.events
    .since(mark)
    .filter(({ type }) => type === "customer.subscription.trial_will_end");
  expect(reminder.map(({ created }) => day(created))).toEqual(["2026-01-12"]);
  expect(await stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
    status: "active",
    billing_cycle_anchor: at("2026-01-15"),
    items: { data: [{ current_period_end: at("2026-02-15") }] },
  });
  expect(await latest(stripe, subscription.id)).toMatchObject({ status: "paid", amount_paid: 1_000 });
  await balances(stripe, standIn);
});

test("a trial that ends without a card: billed, canceled or paused, as it was asked", async () => {
  const { stripe, standIn } = await start();
  const prices = await plans(stripe);
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: at("2026-01-01") });
  const ends = async (missing: "cancel" | "create_invoice" | "pause") => {
    const customer = await stripe.customers.create({ test_clock: clock.id });
    const made = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: prices.basic }],
      trial_period_days: 2,
      trial_settings: { end_behavior: { missing_payment_method: missing } },
    });
    return { customer: customer.id, id: made.id };
  };
  const made = {
    billed: await ends("create_invoice"),
    canceled: await ends("cancel"),
    paused: await ends("pause"),
  };
  expect(standIn.events.since().filter(({ type }) => type.endsWith("trial_will_end"))).toHaveLength(3);
  standIn.advanceClock(clock.id, at("2026-01-03") + HOUR);
  const status = async ({ id }: { id: string }) => (await stripe.subscriptions.retrieve(id)).status;
  expect(await status(made.billed)).toBe("past_due");
  expect(await status(made.canceled)).toBe("canceled");
  expect(await status(made.paused)).toBe("paused");
  expect((await refusal(stripe.subscriptions.resume(made.paused.id))).code).toBe("resource_missing");
  standIn.storeCard(made.paused.customer);
  const mark = standIn.events.mark();
  expect((await stripe.subscriptions.resume(made.paused.id)).status).toBe("active");
  expect(standIn.events.since(mark).map(({ type }) => type)).toContain("customer.subscription.resumed");
  expect(await latest(stripe, made.paused.id)).toMatchObject({ status: "paid", amount_paid: 1_000 });
  expect((await refusal(stripe.subscriptions.resume(made.paused.id))).message).toContain(
    "status of `active`",
  );
  await balances(stripe, standIn);
});

test("cancels at the period's end, takes that back, and ends when the time has come", async () => {
  const { stripe, standIn, subscribe, plans: prices, until } = await subscriber("2026-01-10");
  const { id } = await subscribe(prices.basic);
  const mark = standIn.events.mark();
  const ending = await stripe.subscriptions.update(id, { cancel_at_period_end: true });
  expect(ending).toMatchObject({
    status: "active",
    cancel_at_period_end: true,
    cancel_at: at("2026-02-10"),
    cancellation_details: { reason: "cancellation_requested" },
  });
  expect(standIn.events.since(mark)[0]?.data.previous_attributes).toEqual({
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { reason: null },
  });
  await stripe.subscriptions.update(id, { cancel_at_period_end: false });
  expect((await stripe.subscriptions.retrieve(id)).cancel_at).toBeNull();
  await stripe.subscriptions.update(id, { cancel_at: "max_period_end" });
  await until(at("2026-02-10") + DAY);
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
    status: "canceled",
    ended_at: at("2026-02-10"),
  });
  expect((await stripe.invoices.list({ subscription: id })).data).toHaveLength(1);
  expect(standIn.events.since().at(-2)?.type).toBe("customer.subscription.deleted");
  expect((await stripe.subscriptions.list()).data).toEqual([]);
  expect(
    (await stripe.subscriptions.list({ customer: idOf(ending.customer), status: "all" })).data,
  ).toHaveLength(1);
  await balances(stripe, standIn);
});

test("what has ended can be told of, and nothing else", async () => {
  const { stripe, subscribe, plans: prices } = await subscriber("2026-01-10");
  const { id } = await subscribe(prices.basic);
  expect(
    (await stripe.subscriptions.cancel(id, { cancellation_details: { feedback: "unused" } })).status,
  ).toBe("canceled");
  expect(await refusal(stripe.subscriptions.cancel(id))).toMatchObject({
    statusCode: 404,
    code: "resource_missing",
    message: `No such subscription: '${id}'`,
  });
  expect((await refusal(stripe.subscriptions.update(id, { cancel_at_period_end: true }))).message).toBe(
    "A canceled subscription can only update its cancellation_details and metadata.",
  );
  expect((await stripe.subscriptions.update(id, { metadata: { a: "1" } })).metadata).toEqual({ a: "1" });
});

test.each([
  ["keep_as_draft", "draft"],
  ["void", "void"],
  ["mark_uncollectible", "uncollectible"],
] as const)(
  "collection paused with %s: the renewal's invoice is %s, and the subscription active",
  async (behavior, status) => {
    const { stripe, standIn, subscribe, plans: prices, until } = await subscriber("2026-01-10");
    const { id } = await subscribe(prices.basic);
    await stripe.subscriptions.update(id, { pause_collection: { behavior, resumes_at: at("2026-03-01") } });
    const mark = standIn.events.mark();
    await until(at("2026-02-11"));
    expect((await stripe.subscriptions.retrieve(id)).status).toBe("active");
    expect(await latest(stripe, id)).toMatchObject({ status, amount_paid: 0, auto_advance: false });
    expect(standIn.events.since(mark).map(({ type }) => type)).not.toContain("invoice.upcoming");
    await until(at("2026-03-11"));
    expect((await stripe.subscriptions.retrieve(id)).pause_collection).toBeNull();
    expect(await latest(stripe, id)).toMatchObject({ status: "paid" });
    await balances(stripe, standIn);
  },
);

test("the first invoice waits for somebody: paid in 23 hours, or the subscription expires", async () => {
  const { stripe, standIn, subscribe, plans: prices, until } = await subscriber("2026-01-10");
  const paid = await subscribe(prices.basic, {
    payment_behavior: "default_incomplete",
    expand: ["latest_invoice.confirmation_secret"],
  });
  const left = await subscribe(prices.basic, { payment_behavior: "default_incomplete" });
  expect(paid.status).toBe("incomplete");
  expect(paid.latest_invoice).toMatchObject({
    status: "open",
    confirmation_secret: { type: "payment_intent" },
  });
  const first = await latest(stripe, paid.id);
  expect(await stripe.invoices.pay(first.id)).toMatchObject({ status: "paid" });
  expect((await stripe.subscriptions.retrieve(paid.id)).status).toBe("active");
  await until(at("2026-01-10") + 23 * HOUR);
  expect(await stripe.subscriptions.retrieve(left.id)).toMatchObject({
    status: "incomplete_expired",
    ended_at: at("2026-01-10") + 23 * HOUR,
  });
  expect((await latest(stripe, left.id)).status).toBe("void");
  await balances(stripe, standIn);
});

test("refuses what Stripe refuses, and leaves nothing behind", async () => {
  const { stripe, standIn, customer, plans: prices, subscribe } = await subscriber("2026-01-10");
  const bare = await stripe.customers.create({ email: "nobody@venice.test" });
  const marks = [standIn.events.mark(), standIn.world.billing.subscriptions.oldestFirst().length];
  expect(
    await refusal(stripe.subscriptions.create({ customer: bare.id, items: [{ price: prices.basic }] })),
  ).toMatchObject({
    code: "resource_missing",
    message: expect.stringContaining("no attached payment source or default payment method") as string,
  });
  expect(await refusal(stripe.subscriptions.create({ customer, items: [] }))).toMatchObject({
    code: "parameter_missing",
  });
  expect(await refusal(subscribe("price_no"))).toMatchObject({
    code: "resource_missing",
    param: "items[0][price]",
  });
  expect(await refusal(subscribe(prices.basic, { default_payment_method: "pm_no" }))).toMatchObject({
    code: "resource_missing",
    param: "default_payment_method",
  });
  expect(await refusal(subscribe(prices.basic, { trial_period_days: 731 }))).toMatchObject({
    param: "trial_period_days",
  });
  expect(
    await refusal(subscribe(prices.basic, { items: [{ price: prices.basic }, { price: prices.yearly }] })),
  ).toMatchObject({
    code: "stand_in_unsupported",
  });
  expect(
    await refusal(subscribe(prices.basic, { payment_settings: { payment_method_types: ["card"] } })),
  ).toMatchObject({
    code: "stand_in_unsupported",
  });
  const pause: object = { pause_collection: { behavior: "void" } };
  expect(await refusal(subscribe(prices.basic, pause))).toMatchObject({
    code: "parameter_unknown",
    param: "pause_collection",
  });
  expect([standIn.events.mark(), standIn.world.billing.subscriptions.oldestFirst().length]).toEqual(marks);
});

test("error_if_incomplete makes nothing when the card does not pay", async () => {
  const declining = await subscriber("2026-01-10", { card: "4000000000000341" });
  const mark = declining.standIn.events.mark();
  expect(
    await refusal(declining.subscribe(declining.plans.basic, { payment_behavior: "error_if_incomplete" })),
  ).toMatchObject({
    statusCode: 402,
    type: "StripeCardError",
    code: "card_declined",
    decline_code: "generic_decline",
  });
  expect(declining.types(mark)).toEqual([]);
  const incomplete = await declining.subscribe(declining.plans.basic);
  expect(incomplete.status).toBe("incomplete");
  expect(declining.types(mark)).toContain("invoice.payment_failed");
  await balances(declining.stripe, declining.standIn);
});

test("a yearly plan renews after a year, on the 29th of February clamped", async () => {
  const { stripe, standIn, subscribe, plans: prices, until } = await subscriber("2028-02-29");
  const { id } = await subscribe(prices.yearly);
  await until(at("2029-02-28") + 2 * HOUR);
  const { items } = await stripe.subscriptions.retrieve(id);
  expect([items.data[0]?.current_period_start, items.data[0]?.current_period_end].map(day)).toEqual([
    "2029-02-28",
    "2030-02-28",
  ]);
  await balances(stripe, standIn);
});

test("without a test clock the stand-in's own clock does the same", async () => {
  const now = new Date("2026-05-31T12:00:00Z");
  const { stripe, standIn } = await start({ now: () => now });
  const prices = await plans(stripe);
  const customer = await stripe.customers.create({ email: "marco@venice.test" });
  standIn.storeCard(customer.id);
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: prices.basic }],
  });
  standIn.clock.advance(40 * DAY * 1_000);
  expect(
    (await stripe.invoices.list({ subscription: id })).data.map(({ created, status }) => [
      day(created),
      status,
    ]),
  ).toEqual([
    ["2026-06-30", "paid"],
    ["2026-05-31", "paid"],
  ]);
  standIn.advance({ months: 1 });
  expect(day((await latest(stripe, id)).created)).toBe("2026-07-31");
  const next = standIn.nextDue() ?? new Date(0);
  expect(next.toISOString()).toBe("2026-08-24T12:00:00.000Z");
  standIn.advance({ ms: next.getTime() - standIn.clock.now().getTime() });
  expect(standIn.events.since().at(-1)?.type).toBe("invoice.upcoming");
  await balances(stripe, standIn);
});

test("the same key again is the same subscription, paid once; other parameters are refused", async () => {
  const { stripe, standIn, customer, plans: prices } = await subscriber("2026-01-10");
  const create = (quantity: number) =>
    stripe.subscriptions.create(
      { customer, items: [{ price: prices.basic, quantity }] },
      { idempotencyKey: "subscribe-1" },
    );
  const [first, second] = [await create(1), await create(1)];
  expect(second.id).toBe(first.id);
  expect((await refusal(create(2))).type).toBe("StripeIdempotencyError");
  expect(standIn.world.charges.oldestFirst()).toHaveLength(1);
  const both = await Promise.all(
    [1, 2].map(() => stripe.subscriptions.cancel(first.id).catch(() => undefined)),
  );
  expect(both.filter((each) => each !== undefined)).toHaveLength(1);
  await balances(stripe, standIn);
});
