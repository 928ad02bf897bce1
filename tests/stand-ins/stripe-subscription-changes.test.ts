/** Changes of a subscription at the stand-in: prorations to the cent, previews equal to their invoices, discounts, schedules. */
import type { Stripe } from "stripe";
import { expect, test } from "vitest";
import { refusal } from "./stripe-shop.ts";
import {
  amounts,
  at,
  balances,
  day,
  HOUR,
  latest,
  subscriber,
  type Subscriber,
} from "./stripe-subscriber.ts";

/** What a preview and its invoice must have in common. */
function essence(invoice: Stripe.Invoice) {
  return {
    lines: invoice.lines.data.map(({ amount, description, period, quantity, discount_amounts: off }) => ({
      amount,
      description,
      period,
      quantity,
      off: off?.map((each) => each.amount),
    })),
    subtotal: invoice.subtotal,
    total: invoice.total,
    amount_due: invoice.amount_due,
    starting_balance: invoice.starting_balance,
  };
}

async function onBasic(extra: Partial<Stripe.SubscriptionCreateParams> = {}, card?: string) {
  const made: Subscriber = await subscriber("2026-04-01", card === undefined ? {} : { card });
  const subscription = await made.subscribe(made.plans.basic, extra);
  const item = subscription.items.data[0]?.id ?? "";
  return { ...made, id: subscription.id, item };
}

test("create_prorations: the rest of both prices waits for the renewal, to the cent", async () => {
  const { stripe, standIn, id, item, plans, until, types } = await onBasic();
  await until(at("2026-04-11"));
  const mark = standIn.events.mark();
  await stripe.subscriptions.update(id, { items: [{ id: item, price: plans.pro }] });
  // $10.00 and $40.00 for 20 of 30 days: 666.67 and 2,666.67 cents.
  expect(types(mark)).toEqual([
    "invoiceitem.created",
    "invoiceitem.created",
    "customer.subscription.updated",
  ]);
  const pending = (await stripe.invoiceItems.list({ pending: true })).data;
  expect(pending.map(({ amount, description, proration }) => [amount, description, proration])).toEqual([
    [2_667, "Remaining time on Pro after 11 Apr 2026", true],
    [-667, "Unused time on Basic after 11 Apr 2026", true],
  ]);
  const preview = await stripe.invoices.createPreview({ subscription: id });
  await until(at("2026-05-01") + HOUR);
  const invoice = await latest(stripe, id);
  expect(amounts(invoice)).toEqual([2_667, -667, 4_000]);
  expect(invoice).toMatchObject({ status: "paid", total: 6_000, amount_paid: 6_000 });
  expect(invoice.lines.data[1]?.parent?.subscription_item_details).toMatchObject({
    proration: true,
    invoice_item: pending[1]?.id,
    subscription_item: item,
    proration_details: { credited_items: { invoice_line_items: [expect.stringMatching(/^il_/)] } },
  });
  expect(essence(preview)).toEqual(essence(invoice));
  expect(preview.id).toMatch(/^upcoming_in_/);
  await balances(stripe, standIn);
});

test("always_invoice: billed at once, down and up, the rest credited to the customer's balance", async () => {
  const { stripe, standIn, id, item, plans, customer, until } = await onBasic();
  const change = { items: [{ id: item, price: plans.pro }], proration_behavior: "always_invoice" as const };
  await until(at("2026-04-11"));
  const upwards = await stripe.invoices.createPreview({ subscription: id, subscription_details: change });
  const mark = standIn.events.mark();
  await stripe.subscriptions.update(id, change);
  const first = await latest(stripe, id);
  expect(first).toMatchObject({ status: "paid", billing_reason: "subscription_update", amount_paid: 2_000 });
  expect(amounts(first)).toEqual([2_667, -667]);
  expect(essence(upwards)).toEqual(essence(first));
  const told = standIn.events.since(mark);
  expect(told.map(({ type }) => type).slice(0, 5)).toEqual([
    "invoiceitem.created",
    "invoiceitem.created",
    "invoice.created",
    "customer.subscription.updated",
    "invoice.finalized",
  ]);
  expect(told[3]?.data.previous_attributes).toMatchObject({
    items: { data: [{ price: { id: plans.basic } }] },
    latest_invoice: expect.stringMatching(/^in_/) as string,
  });
  await until(at("2026-04-21"));
  // Half of the 2,667 that were asked for: 1,333.5, rounded away from zero; $10.00 for 10 of 30 days: 333.33.
  const back = { items: [{ id: item, price: plans.basic }], proration_behavior: "always_invoice" as const };
  const downwards = await stripe.invoices.createPreview({ subscription: id, subscription_details: back });
  await stripe.subscriptions.update(id, back);
  const second = await latest(stripe, id);
  expect(amounts(second)).toEqual([333, -1_334]);
  expect(second).toMatchObject({ status: "paid", total: -1_001, amount_due: 0, ending_balance: -1_001 });
  expect(essence(downwards)).toEqual(essence(second));
  const preview = await stripe.invoices.createPreview({ subscription: id });
  await until(at("2026-05-01") + HOUR);
  const renewed = await latest(stripe, id);
  expect(renewed).toMatchObject({
    status: "paid",
    total: 1_000,
    amount_due: 0,
    starting_balance: -1_001,
    ending_balance: -1,
  });
  expect(essence(preview)).toEqual(essence(renewed));
  expect((await stripe.customers.retrieve(customer)) as Stripe.Customer).toMatchObject({ balance: -1 });
  const moved = (await stripe.customers.listBalanceTransactions(customer)).data;
  expect(moved.map(({ amount, type }) => [amount, type])).toEqual([
    [1_000, "applied_to_invoice"],
    [-1_001, "applied_to_invoice"],
  ]);
  await balances(stripe, standIn);
});

test("none: the price changes and nothing is billed before the renewal", async () => {
  const { stripe, standIn, id, item, plans, until } = await onBasic();
  await until(at("2026-04-11"));
  await stripe.subscriptions.update(id, {
    items: [{ id: item, price: plans.pro }],
    proration_behavior: "none",
  });
  expect((await stripe.invoiceItems.list()).data).toEqual([]);
  // What was asked for stays what credit is reckoned by: $10.00 for 10 of 30 days.
  await until(at("2026-04-21"));
  await stripe.subscriptions.update(id, { items: [{ id: item, price: plans.basic }] });
  expect((await stripe.invoiceItems.list()).data.map(({ amount }) => amount)).toEqual([333, -333]);
  await balances(stripe, standIn);
});

test("proration_date: as previewed, and only within the period", async () => {
  const { stripe, standIn, id, item, plans, until } = await onBasic();
  await until(at("2026-04-11"));
  const date = at("2026-04-06T12:00:00");
  const change = {
    items: [{ id: item, price: plans.pro }],
    proration_behavior: "always_invoice" as const,
    proration_date: date,
  };
  const preview = await stripe.invoices.createPreview({ subscription: id, subscription_details: change });
  await until(at("2026-04-12"));
  await stripe.subscriptions.update(id, change);
  const invoice = await latest(stripe, id);
  // 24.5 of 30 days: 816.67 and 3,266.67 cents.
  expect(amounts(invoice)).toEqual([3_267, -817]);
  expect(essence(preview)).toEqual(essence(invoice));
  expect(
    await refusal(stripe.subscriptions.update(id, { ...change, proration_date: at("2026-03-31") })),
  ).toMatchObject({ param: "proration_date" });
  await balances(stripe, standIn);
});

test("a year instead of a month: a new cycle at once, the unused month credited", async () => {
  const { stripe, standIn, id, item, plans, until } = await onBasic();
  await until(at("2026-04-11"));
  const change = { items: [{ id: item, price: plans.yearly }] };
  const preview = await stripe.invoices.createPreview({ subscription: id, subscription_details: change });
  const updated = await stripe.subscriptions.update(id, change);
  expect(updated.billing_cycle_anchor).toBe(at("2026-04-11"));
  expect(day(updated.items.data[0]?.current_period_end)).toBe("2027-04-11");
  const invoice = await latest(stripe, id);
  expect(amounts(invoice)).toEqual([-667, 40_000]);
  expect(invoice).toMatchObject({ status: "paid", amount_paid: 39_333 });
  expect(essence(preview)).toEqual(essence(invoice));
  await balances(stripe, standIn);
});

test("quantity, an item more, an item less; the same again is no change", async () => {
  const { stripe, standIn, id, item, plans, until } = await onBasic();
  await until(at("2026-04-16"));
  await stripe.subscriptions.update(id, {
    items: [{ id: item, quantity: 3 }],
    proration_behavior: "always_invoice",
  });
  expect(amounts(await latest(stripe, id))).toEqual([1_500, -500]);
  const mark = standIn.events.mark();
  await stripe.subscriptions.update(id, {
    items: [{ id: item, quantity: 3 }],
    proration_behavior: "always_invoice",
  });
  expect(standIn.events.since(mark)).toEqual([]);
  const two = await stripe.subscriptions.update(id, {
    items: [{ price: plans.pro }],
    proration_behavior: "always_invoice",
  });
  expect(amounts(await latest(stripe, id))).toEqual([2_000]);
  const added = two.items.data[1]?.id ?? "";
  const one = await stripe.subscriptions.update(id, {
    items: [{ id: added, deleted: true }],
    proration_behavior: "always_invoice",
  });
  expect(one.items.data.map(({ price }) => price.id)).toEqual([plans.basic]);
  expect(amounts(await latest(stripe, id))).toEqual([-2_000]);
  expect(
    await refusal(stripe.subscriptions.update(id, { items: [{ id: item, deleted: true }] })),
  ).toMatchObject({
    param: "items",
  });
  expect(
    await refusal(stripe.subscriptions.update(id, { items: [{ id: "si_no", quantity: 1 }] })),
  ).toMatchObject({
    code: "resource_missing",
  });
  await balances(stripe, standIn);
});

test("canceled now with credit and a last invoice, previewed; or without, and what waited goes", async () => {
  const { stripe, standIn, id, item, plans, subscribe, customer, until } = await onBasic();
  await until(at("2026-04-16"));
  const preview = await stripe.invoices.createPreview({
    subscription: id,
    subscription_details: { cancel_now: true },
  });
  await stripe.subscriptions.cancel(id, { prorate: true, invoice_now: true });
  const last = await latest(stripe, id);
  expect(last).toMatchObject({ status: "paid", total: -500, ending_balance: -500 });
  expect(essence(preview)).toEqual(essence(last));
  const other = await subscribe(plans.basic);
  await stripe.subscriptions.update(other.id, {
    items: [{ id: other.items.data[0]?.id ?? item, quantity: 2 }],
    proration_date: at("2026-04-17"),
  });
  expect((await stripe.invoiceItems.list({ customer, pending: true })).data).toHaveLength(2);
  await stripe.subscriptions.cancel(other.id);
  expect((await stripe.invoiceItems.list({ customer, pending: true })).data).toEqual([]);
  expect(await refusal(stripe.invoices.createPreview({ subscription: other.id }))).toMatchObject({
    statusCode: 404,
    code: "invoice_upcoming_none",
  });
  await balances(stripe, standIn);
});

test("what waits when a subscription ends at its period's end is billed an hour later", async () => {
  const { stripe, standIn, id, item, plans, until } = await onBasic();
  await until(at("2026-04-11"));
  await stripe.subscriptions.update(id, {
    items: [{ id: item, price: plans.pro }],
    cancel_at_period_end: true,
  });
  const preview = await stripe.invoices.createPreview({ subscription: id });
  await until(at("2026-05-01") + HOUR);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("canceled");
  const last = await latest(stripe, id);
  expect(last).toMatchObject({ status: "paid", amount_paid: 2_000 });
  expect(essence(preview)).toEqual(essence(last));
  await balances(stripe, standIn);
});

test("an end within a period gives credit, taken back with it; a period it cuts short is charged in part", async () => {
  const { stripe, standIn, id, until } = await onBasic();
  await stripe.subscriptions.update(id, { cancel_at: at("2026-04-16") });
  await stripe.subscriptions.update(id, { cancel_at: "" });
  const waiting = (await stripe.invoiceItems.list({ pending: true })).data;
  expect(waiting.map(({ amount }) => amount)).toEqual([500, -500]);
  await stripe.subscriptions.update(id, { cancel_at: at("2026-05-16") });
  const preview = await stripe.invoices.createPreview({ subscription: id });
  await until(at("2026-05-01") + HOUR);
  const part = await latest(stripe, id);
  // $10.00 for 15 of 31 days: 483.87 cents.
  expect(amounts(part)).toEqual([500, -500, 484]);
  expect(essence(preview)).toEqual(essence(part));
  await until(at("2026-05-17"));
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
    status: "canceled",
    ended_at: at("2026-05-16"),
  });
  expect(await refusal(stripe.subscriptions.update(id, { cancel_at: at("2026-06-01") }))).toBeDefined();
  await balances(stripe, standIn);
});

test("a new billing cycle from now on: what is left is credited, a whole month billed", async () => {
  const { stripe, standIn, id, until } = await onBasic();
  await until(at("2026-04-16"));
  const change = { billing_cycle_anchor: { type: "now" as const } };
  const preview = await stripe.invoices.createPreview({ subscription: id, subscription_details: change });
  const updated = await stripe.subscriptions.update(id, change);
  expect(updated.billing_cycle_anchor).toBe(at("2026-04-16"));
  const invoice = await latest(stripe, id);
  expect(amounts(invoice)).toEqual([-500, 1_000]);
  expect(invoice).toMatchObject({ status: "paid", amount_paid: 500 });
  expect(essence(preview)).toEqual(essence(invoice));
  await balances(stripe, standIn);
});

test("a trial ended now bills at once; a trial begun credits what is left", async () => {
  const { stripe, standIn, id, until } = await onBasic();
  await until(at("2026-04-16"));
  await stripe.subscriptions.update(id, {
    trial_end: at("2026-04-26"),
    proration_behavior: "always_invoice",
  });
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
    status: "trialing",
    billing_cycle_anchor: at("2026-04-26"),
  });
  expect(amounts(await latest(stripe, id))).toEqual([-500, 0]);
  await stripe.subscriptions.update(id, { trial_end: "now" });
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
    status: "active",
    billing_cycle_anchor: at("2026-04-16"),
  });
  expect(await latest(stripe, id)).toMatchObject({ status: "paid", total: 1_000, amount_due: 500 });
  await balances(stripe, standIn);
});

test("an upgrade whose payment fails: made and past due, or refused whole with error_if_incomplete", async () => {
  const { stripe, standIn, id, item, plans, method, until } = await onBasic();
  await until(at("2026-04-11"));
  standIn.turnCard(method, "4000000000000341");
  const change = { items: [{ id: item, price: plans.pro }], proration_behavior: "always_invoice" as const };
  const mark = standIn.events.mark();
  expect(
    await refusal(stripe.subscriptions.update(id, { ...change, payment_behavior: "error_if_incomplete" })),
  ).toMatchObject({ statusCode: 402, code: "card_declined" });
  expect(standIn.events.since(mark)).toEqual([]);
  const updated = await stripe.subscriptions.update(id, change);
  expect(updated).toMatchObject({ status: "past_due", items: { data: [{ price: { id: plans.pro } }] } });
  expect(await latest(stripe, id)).toMatchObject({
    status: "open",
    attempt_count: 1,
    next_payment_attempt: at("2026-04-14"),
  });
  await balances(stripe, standIn);
});

test("coupons: once, for two months, forever; prorations are net of them", async () => {
  const coupon = (stripe: Stripe, extra: Stripe.CouponCreateParams) =>
    stripe.coupons.create({ percent_off: 25, ...extra });
  const totals = async (extra: Stripe.CouponCreateParams) => {
    const made = await subscriber("2026-04-01");
    const { id: off } = await coupon(made.stripe, extra);
    const { id } = await made.subscribe(made.plans.basic, { discounts: [{ coupon: off }] });
    await made.until(at("2026-07-01") + HOUR);
    const { data } = await made.stripe.invoices.list({ subscription: id });
    await balances(made.stripe, made.standIn);
    return data.map(({ amount_paid: paid }) => paid).reverse();
  };
  expect(await totals({ duration: "once" })).toEqual([750, 1_000, 1_000, 1_000]);
  expect(await totals({ duration: "repeating", duration_in_months: 2 })).toEqual([750, 750, 1_000, 1_000]);
  const { stripe, standIn, subscribe, plans, until } = await subscriber("2026-04-01");
  const { id: forever } = await coupon(stripe, { duration: "forever" });
  const code = await stripe.promotionCodes.create({
    promotion: { type: "coupon", coupon: forever },
    code: "FOREVER",
  });
  const made = await subscribe(plans.basic, { discounts: [{ promotion_code: code.id }] });
  expect(made.discounts).toHaveLength(1);
  expect(await stripe.promotionCodes.retrieve(code.id)).toMatchObject({ times_redeemed: 1 });
  const change = {
    items: [{ id: made.items.data[0]?.id ?? "", price: plans.pro }],
    proration_behavior: "always_invoice" as const,
  };
  await until(at("2026-04-11"));
  const preview = await stripe.invoices.createPreview({
    subscription: made.id,
    subscription_details: change,
  });
  await stripe.subscriptions.update(made.id, change);
  const invoice = await latest(stripe, made.id);
  // 750 and 3,000 cents for 20 of 30 days.
  expect(amounts(invoice)).toEqual([2_000, -500]);
  expect(essence(preview)).toEqual(essence(invoice));
  await until(at("2026-05-01") + HOUR);
  expect(await latest(stripe, made.id)).toMatchObject({
    subtotal: 4_000,
    total: 3_000,
    total_discount_amounts: [{ amount: 1_000, discount: made.discounts[0] }],
    lines: { data: [{ amount: 4_000, discount_amounts: [{ amount: 1_000 }] }] },
  });
  await stripe.subscriptions.deleteDiscount(made.id);
  expect((await stripe.invoices.createPreview({ subscription: made.id })).total).toBe(4_000);
  await balances(stripe, standIn);
});

test("a preview changes nothing, of a change, of the next invoice, and of a subscription not yet made", async () => {
  const { stripe, standIn, id, item, plans, customer, subscribe } = await onBasic();
  const world = JSON.stringify([
    standIn.world.billing.subscriptions.oldestFirst(),
    standIn.world.billing.invoices.oldestFirst(),
    standIn.world.billing.invoiceItems.oldestFirst(),
    [...standIn.world.billing.debits],
    standIn.world.customers.oldestFirst(),
    standIn.events.mark(),
  ]);
  await stripe.invoices.createPreview({
    subscription: id,
    subscription_details: { items: [{ id: item, price: plans.yearly }] },
  });
  await stripe.invoices.createPreview({ customer });
  const first = await stripe.invoices.createPreview({
    customer,
    subscription_details: { items: [{ price: plans.pro }] },
  });
  await refusal(stripe.invoices.createPreview({}));
  await refusal(stripe.invoices.createPreview({ subscription: "sub_no" }));
  expect(
    JSON.stringify([
      standIn.world.billing.subscriptions.oldestFirst(),
      standIn.world.billing.invoices.oldestFirst(),
      standIn.world.billing.invoiceItems.oldestFirst(),
      [...standIn.world.billing.debits],
      standIn.world.customers.oldestFirst(),
      standIn.events.mark(),
    ]),
  ).toBe(world);
  const made = await subscribe(plans.pro);
  expect(essence(first)).toEqual(essence(await latest(stripe, made.id)));
});

test("a schedule brings the downgrade at the period's end, previewed, and releases the subscription", async () => {
  const { stripe, standIn, plans, subscribe, until } = await subscriber("2026-04-01");
  const { id } = await subscribe(plans.pro);
  const schedule = await stripe.subscriptionSchedules.create({ from_subscription: id });
  expect(schedule).toMatchObject({
    status: "active",
    end_behavior: "release",
    current_phase: { start_date: at("2026-04-01"), end_date: at("2026-05-01") },
    phases: [{ items: [{ price: plans.pro, quantity: 1 }] }],
  });
  expect((await stripe.subscriptions.retrieve(id)).schedule).toBe(schedule.id);
  expect(await refusal(stripe.subscriptionSchedules.create({ from_subscription: id }))).toMatchObject({
    param: "from_subscription",
  });
  const mark = standIn.events.mark();
  const updated = await stripe.subscriptionSchedules.update(schedule.id, {
    phases: [
      { items: [{ price: plans.pro }], start_date: at("2026-04-01"), end_date: at("2026-05-01") },
      {
        items: [{ price: plans.basic }],
        duration: { interval: "month", interval_count: 1 },
        metadata: { plan: "basic" },
      },
    ],
  });
  expect(updated.phases.map(({ end_date: end }) => day(end))).toEqual(["2026-05-01", "2026-06-01"]);
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual(["subscription_schedule.updated"]);
  expect(await refusal(stripe.subscriptions.update(id, { cancel_at_period_end: true }))).toMatchObject({
    message: expect.stringContaining("managed by the subscription schedule") as string,
  });
  const preview = await stripe.invoices.createPreview({ schedule: schedule.id });
  await until(at("2026-05-01") + HOUR);
  const invoice = await latest(stripe, id);
  expect(invoice).toMatchObject({ status: "paid", amount_paid: 1_000, billing_reason: "subscription_cycle" });
  expect(essence(preview)).toEqual(essence(invoice));
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
    metadata: { plan: "basic" },
    items: { data: [{ price: { id: plans.basic } }] },
  });
  await until(at("2026-06-01") + HOUR);
  expect(await stripe.subscriptionSchedules.retrieve(schedule.id)).toMatchObject({
    status: "released",
    released_subscription: id,
    subscription: null,
    current_phase: null,
  });
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({ status: "active", schedule: null });
  expect((await refusal(stripe.subscriptionSchedules.release(schedule.id))).message).toContain(
    "`released` status",
  );
  await balances(stripe, standIn);
});

test("a schedule is released, or canceled with its subscription", async () => {
  const { stripe, standIn, id, until } = await onBasic();
  const first = await stripe.subscriptionSchedules.create({ from_subscription: id });
  expect(await stripe.subscriptionSchedules.release(first.id)).toMatchObject({
    status: "released",
    released_subscription: id,
  });
  const second = await stripe.subscriptionSchedules.create({ from_subscription: id });
  await until(at("2026-04-10"));
  expect(await stripe.subscriptionSchedules.cancel(second.id)).toMatchObject({ status: "canceled" });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("canceled");
  expect(standIn.events.since().map(({ type }) => type)).toEqual(
    expect.arrayContaining([
      "subscription_schedule.created",
      "subscription_schedule.released",
      "subscription_schedule.canceled",
    ]),
  );
  await balances(stripe, standIn);
});

test("a schedule that ends by canceling ends its subscription with its last phase", async () => {
  const { stripe, standIn, id, until } = await onBasic();
  const made = await stripe.subscriptionSchedules.create({ from_subscription: id });
  await stripe.subscriptionSchedules.update(made.id, { end_behavior: "cancel" });
  const mark = standIn.events.mark();
  await until(at("2026-05-01") + HOUR);
  expect((await stripe.subscriptionSchedules.retrieve(made.id)).status).toBe("completed");
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
    status: "canceled",
    ended_at: at("2026-05-01"),
  });
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual(
    expect.arrayContaining(["subscription_schedule.completed", "customer.subscription.deleted"]),
  );
  expect((await stripe.invoices.list({ subscription: id })).data).toHaveLength(1);
  await balances(stripe, standIn);
});

test("credit and debt of a customer meet the next invoice; a total too small waits", async () => {
  const { stripe, standIn, customer, plans, subscribe, until } = await subscriber("2026-04-01");
  await stripe.customers.createBalanceTransaction(customer, {
    amount: -300,
    currency: "usd",
    description: "sorry",
  });
  const { id } = await subscribe(plans.basic);
  expect(await latest(stripe, id)).toMatchObject({
    total: 1_000,
    amount_paid: 700,
    starting_balance: -300,
    ending_balance: 0,
  });
  await stripe.customers.update(customer, { balance: -980 });
  await until(at("2026-05-01") + HOUR);
  expect(await latest(stripe, id)).toMatchObject({ status: "paid", amount_due: 0, ending_balance: 20 });
  await until(at("2026-06-01") + HOUR);
  expect(await latest(stripe, id)).toMatchObject({ amount_paid: 1_020, ending_balance: 0 });
  await balances(stripe, standIn);
});
