/** Trials: once for an account, with a card, and a change within one costs nothing yet. */
import { expect, test } from "vitest";
import { newCustomer, useWorld } from "../../support/world.ts";
import { architect, builder, useSubscribers } from "./subscriber.ts";

const world = useWorld({ TRIAL_DAYS: "7" });
const { change, openPages, pass, preview, sdk, sessionIn, show, start, subscribed, tell, tellEnds, act } =
  useSubscribers(world);

test("seven days for a card; told before and after", async () => {
  const customer = await newCustomer();
  expect(await show(customer)).toMatchObject({ trialDays: 7 });
  const started = await start(customer, builder);
  expect(started.body.trialDays).toBe(7);
  expect(openPages(customer)[0]).toMatchObject({ amount_total: 0, payment_method_collection: "always" });
  world.stripe.pay(sessionIn(started.body.url));
  await tell(sessionIn(started.body.url));
  expect(await show(customer)).toMatchObject({
    tier: "builder",
    state: "trialing",
    trialDays: 0,
    nextInvoice: { dueCents: 9_900 },
  });
  const [granted] = await world.database.rows("select count(*)::int as count from grants");
  expect(granted).toEqual({ count: 0 });
});

test("once: a page that was left gives it back, a trial that was ended doesn't", async () => {
  const left = await newCustomer();
  const first = await start(left, builder);
  expect((await start(left, architect)).body.trialDays).toBe(7);
  await tell(sessionIn(first.body.url));
  const customer = await subscribed();
  await sdk().subscriptions.cancel(customer.subscription);
  await tellEnds();
  const again = await start(customer, builder);
  expect([again.status, again.body.trialDays]).toEqual([201, 0]);
  expect(openPages(customer)[0]).toMatchObject({ amount_total: 9_900 });
});

test("a change within it happens at once, dearer or cheaper, and nothing is charged before its end", async () => {
  const customer = await subscribed();
  const { until } = await show(customer);
  expect((await preview(customer, architect)).body).toMatchObject({
    kind: "now",
    dueNowCents: 0,
    nextCents: 49_900,
  });
  const dearer = await change(customer, architect);
  expect(dearer.body).toMatchObject({
    tier: "architect",
    state: "trialing",
    until,
    nextInvoice: { dueCents: 49_900 },
  });
  expect((await change(customer, builder)).body).toMatchObject({ tier: "builder", state: "trialing", until });
  const yearly = await change(customer, { tier: "builder", period: "year" });
  expect(yearly.body).toMatchObject({
    state: "trialing",
    until,
    nextInvoice: { dueCents: 99_000, at: until },
  });
  const paid = (await sdk().invoices.list({ subscription: customer.subscription })).data;
  expect(paid.map(({ amount_paid: cents }) => cents)).toEqual(paid.map(() => 0));
  const later = await pass(customer, 8);
  expect((await act(later, { action: "keep" })).body).toMatchObject({
    state: "active",
    subscription: { period: "year" },
  });
});
