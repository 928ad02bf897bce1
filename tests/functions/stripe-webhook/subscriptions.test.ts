/** What Stripe's events say of subscriptions, cards and customers, through the webhook: told once, paid once. */
import { expect, test, vi } from "vitest";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { useLog } from "../../support/log.ts";
import { useSubscribers, type Subscriber } from "../../support/subscribing.ts";
import { booksBalance, checkout, deliver, useWorld } from "../../support/world.ts";
import { again, outcomesOf, useTold } from "./told.ts";

const world = useWorld();
useLog();
const subscribers = useSubscribers(world, "2026-03-10T09:00:00Z");
const { sdk, subscriber, subscribe, news, bring, passTo, standing, granted, letters } = subscribers;

const { latestInvoice, chargesOf, alertsOf, ledger } = useTold(world, subscribers);

const DECLINING = "4000000000000341";
const ASKING = "4000002760003184";
/** An hour after the period's end: Stripe lets a renewal's invoice lie for so long. */
const renewal = "2026-04-10T10:30:00Z";

/** A subscriber whose card turns before the first renewal. */
async function failing(card: string) {
  const marco = await subscriber();
  const subscription = await subscribe(marco, "builder");
  await bring();
  world.stripe.turnCard(marco.card, card);
  return { marco, subscription: subscription.id };
}

async function letterData(marco: Subscriber, kind: string): Promise<unknown[]> {
  const rows = await world.database.rows<{ data: unknown }>(
    "select data from letters where account_id = $1 and kind = $2 order by id",
    [marco.id, kind],
  );
  return rows.map(({ data }) => data);
}

test("a declined renewal: one letter for its invoice, however many events and tries", async () => {
  const { marco } = await failing(DECLINING);
  await passTo(renewal);
  await passTo("2026-04-13T12:00:00Z");
  expect(chargesOf(marco, "failed")).toBe(2);
  const told = world.stripe.world.events
    .oldestFirst()
    .filter(
      ({ type, data }) => type.startsWith("invoice.") && JSON.stringify(data).includes(marco.stripeCustomer),
    );
  await Promise.all(told.map((event) => deliver(again(event))));
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed"]);
  expect(await letterData(marco, "renewal_failed")).toEqual([
    { tier: "builder", usdCents: 9_900, graceEndsAt: "2026-04-17T09:00:00.000Z" },
  ]);
  expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
});

test("a bank that wants to hear from its customer is told apart from a decline, and heard, it is recovered", async () => {
  const { marco, subscription } = await failing(ASKING);
  await passTo(renewal);
  expect(await letters(marco)).toEqual(["tier_change", "renewal_needs_action"]);
  const { id } = await latestInvoice(subscription);
  expect(world.stripe.authenticateInvoice(id, "completes")).toEqual({ kind: "paid" });
  await bring();
  expect(await letters(marco)).toEqual(["tier_change", "renewal_needs_action", "renewal_recovered"]);
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
});

test("a new card: what is open is paid with it at once, once, and the customer told", async () => {
  const { marco, subscription } = await failing(DECLINING);
  await passTo(renewal);
  const { id } = await latestInvoice(subscription);
  const paidBefore = chargesOf(marco, "succeeded");
  await sdk().paymentMethods.attach("pm_card_visa", { customer: marco.stripeCustomer });
  const [attached] = news().filter(({ type }) => type === "payment_method.attached");
  if (!attached) throw new Error("no card was attached");
  const answers = await Promise.all([deliver(attached), deliver(again(attached)), deliver(attached)]);
  await Promise.all(answers.map(({ afterwards }) => afterwards));
  const outcomes = answers.map(({ body }) => body.outcome as string).sort();
  expect(outcomes).toEqual(["duplicate", "retried", "unchanged"]);
  expect(chargesOf(marco, "succeeded") - paidBefore).toBe(1);
  expect(await latestInvoice(subscription)).toMatchObject({ id, status: "paid" });
  // Before any event of the payment has come.
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  await bring();
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed", "renewal_recovered"]);
  expect(await letterData(marco, "renewal_recovered")).toEqual([{ tier: "builder", usdCents: 9_900 }]);
  expect(await granted(marco)).toEqual([
    ["2026-03-10", 250],
    ["2026-04-10", 250],
  ]);
  expect(
    await world.database.rows("select state, error from invoice_retries where invoice_id = $1", [id]),
  ).toEqual([{ state: "paid", error: null }]);
  await booksBalance(world);
});

test("a new card that is declined, too: its reason is kept, and it is not tried again", async () => {
  const { marco, subscription } = await failing(DECLINING);
  await passTo(renewal);
  const { id } = await latestInvoice(subscription);
  const card = world.stripe.storeCard(marco.stripeCustomer, { card: DECLINING, makeDefault: false });
  await bring();
  expect(chargesOf(marco, "failed")).toBe(2);
  await sdk().customers.update(marco.stripeCustomer, {
    invoice_settings: { default_payment_method: card.id },
  });
  const [updated] = news().filter(({ type }) => type === "customer.updated");
  expect(await outcomesOf(updated ? [updated] : [])).toEqual(["unchanged"]);
  expect(chargesOf(marco, "failed")).toBe(2);
  expect(
    await world.database.rows("select state, error from invoice_retries where invoice_id = $1", [id]),
  ).toEqual([{ state: "refused", error: "Your card was declined." }]);
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed"]);
});

test("a new card whose bank asks: not paid, and the customer is told that it is no decline", async () => {
  const { marco, subscription } = await failing(DECLINING);
  await passTo(renewal);
  world.stripe.storeCard(marco.stripeCustomer, { card: "4000002760003184", makeDefault: false });
  await bring();
  await bring();
  expect((await latestInvoice(subscription)).status).toBe("open");
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed", "renewal_needs_action"]);
});

test("a card that is put in while nothing is open pays nothing", async () => {
  const marco = await subscriber();
  await subscribe(marco, "builder");
  await bring();
  world.stripe.storeCard(marco.stripeCustomer);
  expect(await outcomesOf(news())).toEqual(["unchanged"]);
  expect(chargesOf(marco, "succeeded")).toBe(1);
});

test("an early fraud warning: one alert, which names the payment", async () => {
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder");
  await bring();
  const { payment } = await latestInvoice(id);
  const warning = world.stripe.warnOfFraud(payment);
  const [event] = news();
  if (!event) throw new Error("no warning came");
  expect(await outcomesOf([event, event, again(event)])).toEqual(["alerted", "duplicate", "alerted"]);
  const alerts = (await alertsOf("fraud_warning")).filter(({ subject }) => subject === warning.id);
  expect(alerts).toHaveLength(1);
  expect(alerts[0]?.message).toContain(payment);
});

test("a deleted customer is forgotten, his subscription ends, and he can buy again as another", async () => {
  const marco = await subscriber();
  await subscribe(marco, "builder");
  await bring();
  vi.setSystemTime(Date.now() + MINUTE_MS);
  await sdk().customers.del(marco.stripeCustomer);
  const events = news();
  expect(events.map(({ type }) => type)).toEqual(["customer.subscription.deleted", "customer.deleted"]);
  await bring(events.toReversed());
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
  expect(await letters(marco)).toEqual(["tier_change", "tier_change"]);
  const customerOf = "select stripe_customer from accounts where id = $1";
  expect(await world.database.rows(customerOf, [marco.id])).toEqual([{ stripe_customer: null }]);
  expect((await checkout(marco, { pack: "starter", deliverTo: "wallet" })).status).toBe(201);
  expect(
    await world.database.rows("select attach_customer($1, 'cus_another', false, null) as customer", [
      marco.id,
    ]),
  ).toEqual([{ customer: "cus_another" }]);
});

test("an unknown price: Explorer's limits and no ducats, an alert until it has one of ours", async () => {
  const marco = await subscriber();
  const product = await sdk().products.create({ name: "Another shop's plan" });
  const price = await sdk().prices.create({
    ...{ product: product.id, currency: "usd", unit_amount: 500 },
    recurring: { interval: "month" },
  });
  const { id, items } = await sdk().subscriptions.create({
    customer: marco.stripeCustomer,
    items: [{ price: price.id }],
  });
  await bring();
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "active" });
  expect(await granted(marco)).toEqual([]);
  expect(await alertsOf("unknown_price")).toMatchObject([
    { subject: id, open: true, message: expect.stringContaining(price.id) as string },
  ]);
  await sdk().subscriptions.update(id, {
    items: [{ id: items.data[0]?.id ?? "", price: await subscribers.priceOf("builder", "month") }],
  });
  await bring();
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect(await alertsOf("unknown_price")).toMatchObject([{ subject: id, open: false }]);
});

test("a second live subscription: an alert, no ducats and no tier of it; its dollars are in the books", async () => {
  const marco = await subscriber();
  const first = await subscribe(marco, "builder");
  await bring();
  const sales = await ledger("sales");
  const second = await subscribe(marco, "architect");
  const events = news();
  await bring(events);
  await bring(events.toReversed().map(again));
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect(await granted(marco)).toEqual([["2026-03-10", 250]]);
  expect(await letters(marco)).toEqual(["tier_change"]);
  expect(await ledger("sales")).toBe(sales - 49_900);
  const message = expect.stringContaining(first.id) as string;
  expect(await alertsOf("second_subscription")).toMatchObject([{ subject: second.id, open: true, message }]);

  await sdk().subscriptions.cancel(second.id);
  await bring();
  expect(await alertsOf("second_subscription")).toMatchObject([{ subject: second.id, open: false }]);
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
});

test("an open invoice of a second subscription is not paid with a new card", async () => {
  const marco = await subscriber();
  await subscribe(marco, "builder");
  await bring();
  await subscribe(marco, "architect");
  await bring();
  world.stripe.turnCard(marco.card, DECLINING);
  await passTo(renewal);
  const paid = chargesOf(marco, "succeeded");
  world.stripe.storeCard(marco.stripeCustomer, { makeDefault: false });
  await bring();
  expect(chargesOf(marco, "succeeded")).toBe(paid + 1);
});

test("a declined payment of an invoice waits for no purchase either", async () => {
  const { marco } = await failing(DECLINING);
  await passTo(renewal);
  expect(chargesOf(marco, "failed")).toBe(1);
  expect(await world.database.rows("select id from stripe_events where state = 'parked'")).toEqual([]);
});

test.each(["invoice.overdue", "customer.subscription.pending_update_applied", "invoice.of.a.coming.year"])(
  "an event of a type that we don't act on is stored with 200: %s",
  async (type) => {
    const marco = await subscriber();
    await subscribe(marco, "builder");
    const [model] = news().filter((event) => event.type === "invoice.paid");
    if (!model) throw new Error("nothing was paid");
    const answer = await deliver({ ...model, id: `evt_${type.replaceAll(".", "_")}`, type });
    expect([answer.status, answer.body.outcome]).toEqual([200, "ignored"]);
    const rows = await world.database.rows("select state from stripe_events where type = $1", [type]);
    expect(rows).toEqual([{ state: "ignored" }]);
    expect(await standing(marco)).toEqual({ tier: "explorer", state: "none" });
  },
);

test("an invoice in euros: nothing in the books, no ducats, and an alert until the subscription is over", async () => {
  const marco = await subscriber();
  const clearing = await ledger("stripe_clearing");
  const price = await sdk().prices.create({
    product: "cascade_tier_builder",
    currency: "eur",
    unit_amount: 700,
    recurring: { interval: "month" },
  });
  const { id } = await sdk().subscriptions.create({
    customer: marco.stripeCustomer,
    items: [{ price: price.id }],
  });
  await bring();
  const mine = async () => (await alertsOf("invoice_currency")).filter(({ subject }) => subject === id);
  expect(await ledger("stripe_clearing")).toBe(clearing);
  expect(await granted(marco)).toEqual([]);
  expect((await mine()).map(({ open }) => open)).toEqual([true]);
  await sdk().subscriptions.cancel(id);
  await bring();
  expect((await mine()).map(({ open }) => open)).toEqual([false]);
});

test("a price that the operator names no more keeps its tier for whom it has, and its months' ducats", async () => {
  const marco = await subscriber();
  const product = await sdk().products.create({ name: "A plan of old" });
  const price = await sdk().prices.create({
    product: product.id,
    currency: "usd",
    unit_amount: 9_900,
    recurring: { interval: "month" },
  });
  await sdk().subscriptions.create({ customer: marco.stripeCustomer, items: [{ price: price.id }] });
  await bring();
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "active" });
  // As it was read while STRIPE_PRICE_BUILDER_MONTH named it.
  await world.database.rows("update subscriptions set tier = 'builder' where account_id = $1", [marco.id]);
  await passTo("2026-04-10T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect((await granted(marco)).at(-1)).toEqual(["2026-04-10", 250]);
});
