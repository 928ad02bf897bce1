/** A year of one customer: trial, upgrade, downgrade, a decline that is mended and one that isn't, a return for a year, a cancellation. */
import { expect, test, vi } from "vitest";
import { plantSession } from "../authorisation/people.ts";
import { call } from "../support/call.ts";
import { useLog } from "../support/log.ts";
import { useSubscribers, type Subscriber } from "../support/subscribing.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld({ TRIAL_DAYS: "14" });
useLog();
const { sdk, subscriber, bring, passTo, standing, granted, letters } = useSubscribers(
  world,
  "2026-01-10T09:00:00Z",
);

const declining = "4000000000000341";
let acts = 0;

async function act(who: Subscriber, json: object) {
  acts += 1;
  const { token } = await plantSession(world, who.id);
  const answer = await call("subscription", {
    json,
    token,
    headers: { "idempotency-key": `year-${acts}` },
  });
  if (answer.status >= 300) throw new Error(answer.text);
  return answer.body;
}

/** Through the payment page, with the card that he has. */
async function start(who: Subscriber, tier: string, period: string): Promise<void> {
  const { url } = await act(who, { action: "start", tier, period });
  world.stripe.pay(/cs_[A-Za-z0-9_]+/.exec(String(url))?.[0] ?? "");
  await bring();
}

async function show(who: Subscriber) {
  const { token } = await plantSession(world, who.id);
  return (await call("subscription", { token })).body;
}

/** What a unit costs him now, by charging one. */
async function unitCosts(who: Subscriber): Promise<number> {
  acts += 1;
  const { token } = await plantSession(world, who.id);
  const events = [{ id: `unit-${acts}`, meter: "api_call", units: 1 }];
  const answer = await call("usage", { token, json: { events } });
  expect(answer.body.results[0].outcome).toBe("charged");
  return answer.body.results[0].chargedMillis;
}

async function cardOf({ stripeCustomer }: Subscriber): Promise<string> {
  const customer = await sdk().customers.retrieve(stripeCustomer);
  const card = customer.deleted === true ? null : customer.invoice_settings.default_payment_method;
  if (typeof card !== "string") throw new Error("no card");
  return card;
}

async function invoices({ stripeCustomer }: Subscriber) {
  return (await sdk().invoices.list({ customer: stripeCustomer, limit: 100 })).data;
}

test("state, entitlements, ducats and letters are right at every step", { timeout: 120_000 }, async () => {
  const marco = await subscriber();

  // A trial, once: the tier, and no ducats.
  await start(marco, "builder", "month");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "trialing" });
  await passTo("2026-01-20T12:00:00Z");
  expect(await letters(marco)).toEqual(["tier_change"]);
  await passTo("2026-01-21T12:00:00Z");
  expect(await letters(marco)).toEqual(["tier_change", "trial_ending"]);
  expect(await granted(marco)).toEqual([]);

  // The first paid month.
  await passTo("2026-01-25T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect(await granted(marco)).toEqual([["2026-01-24", 250]]);
  expect(await unitCosts(marco)).toBe(5);

  // Upwards in the middle of a month: paid to the cent at once, the ducats of the dearer tier from the next month on.
  await passTo("2026-02-08T21:00:00Z");
  const preview = await act(marco, { action: "preview", tier: "architect", period: "month" });
  const { prorationAt, dueNowCents } = preview;
  await act(marco, { action: "change", tier: "architect", period: "month", prorationAt, dueNowCents });
  await bring();
  const [upgrade] = await invoices(marco);
  const [from, to] = [Date.UTC(2026, 0, 24, 9), Date.UTC(2026, 1, 24, 9)];
  const left = (to - prorationAt * 1_000) / (to - from);
  expect(dueNowCents).toBe(Math.round(49_900 * left) - Math.round(9_900 * left));
  expect(upgrade).toMatchObject({ billing_reason: "subscription_update", amount_paid: dueNowCents });
  expect(await standing(marco)).toEqual({ tier: "architect", state: "active" });
  expect(await unitCosts(marco)).toBe(3);
  await passTo("2026-02-25T12:00:00Z");
  expect((await granted(marco)).at(-1)).toEqual(["2026-02-24", 1_500]);

  // Downwards when the month is over, not before.
  await act(marco, {
    action: "change",
    tier: "builder",
    period: "month",
    prorationAt: seconds(),
    dueNowCents: 0,
  });
  await bring();
  expect((await show(marco)).subscription.next).toMatchObject({ tier: "builder", period: "month" });
  await passTo("2026-03-23T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "architect", state: "active" });
  await passTo("2026-03-25T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect((await granted(marco)).at(-1)).toEqual(["2026-03-24", 250]);

  // A renewal is declined; another card is tried at once.
  world.stripe.turnCard(await cardOf(marco), declining);
  await passTo("2026-04-26T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
  expect(await granted(marco)).toHaveLength(3);
  world.stripe.storeCard(marco.stripeCustomer, { card: "4242424242424242", makeDefault: true });
  await bring();
  await bring();
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect((await granted(marco)).at(-1)).toEqual(["2026-04-24", 250]);
  await passTo("2026-05-25T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect((await granted(marco)).at(-1)).toEqual(["2026-05-24", 250]);

  // The next one is declined, and nobody mends it: seven days, then Explorer.
  for (const { id } of (await sdk().customers.listPaymentMethods(marco.stripeCustomer)).data)
    world.stripe.turnCard(id, declining);
  await passTo("2026-07-01T08:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
  await passTo("2026-07-01T10:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "lapsed" });
  expect(await unitCosts(marco)).toBe(10);
  await passTo("2026-08-01T09:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
  expect(await letters(marco)).toEqual([
    ...["tier_change", "trial_ending", "tier_change", "tier_change", "renewal_failed", "renewal_recovered"],
    ...["renewal_failed", "grace_ending", "tier_change"],
  ]);

  // Back, for a year, without another trial: each month's ducats in its time.
  for (const { id } of (await sdk().customers.listPaymentMethods(marco.stripeCustomer)).data)
    world.stripe.turnCard(id, "4242424242424242");
  await start(marco, "builder", "year");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect((await invoices(marco))[0]).toMatchObject({ amount_paid: 99_000 });
  await passTo("2026-11-15T09:00:00Z");
  const months = ["2026-08-01", "2026-09-01", "2026-10-01", "2026-11-01"].map((month) => [month, 250]);
  expect((await granted(marco)).slice(-4)).toEqual(months);

  // Cancelled, kept, cancelled again: served to the end of what is paid.
  await act(marco, { action: "cancel" });
  expect(await standing(marco)).toEqual({ tier: "builder", state: "ending" });
  await act(marco, { action: "keep" });
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  await act(marco, { action: "cancel" });
  await passTo("2027-07-31T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "ending" });
  expect(await granted(marco)).toHaveLength(5 + 12);
  await passTo("2027-08-02T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
  expect(await granted(marco)).toHaveLength(5 + 12);

  expect((await letters(marco)).slice(9)).toEqual(["tier_change", "tier_change"]);

  // Every dollar that Stripe took is in the books, and every ducat that was granted is there still.
  const paid = (await invoices(marco)).reduce((sum, invoice) => sum + invoice.amount_paid, 0);
  const [booked] = await world.database.rows<{ cents: string; wallet: string; spent: string }>(
    `select (select sum(posted_cents) from subscription_invoices i join subscriptions s on s.id = i.subscription_id
       where s.account_id = $1) as cents,
       (select wallet from balances where account_id = $1) as wallet,
       (select sum(charged_millis) from usage_events where account_id = $1) as spent`,
    [marco.id],
  );
  expect(Number(booked?.cents)).toBe(paid);
  const ducats = (await granted(marco)).reduce((sum, [, amount]) => sum + amount, 0);
  expect(Number(booked?.wallet)).toBe(ducats * 1_000 - Number(booked?.spent));
  await booksBalance(world);
});

test(
  "years: a pause, a bank that asks, a renewal that is declined for good",
  { timeout: 120_000 },
  async () => {
    const marco = await subscriber();
    await start(marco, "builder", "year");
    await passTo("2026-01-25T12:00:00Z");
    expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
    expect(await letters(marco)).toEqual(["tier_change", "trial_ending"]);

    // What is paid is served through a pause.
    await act(marco, { action: "pause" });
    await passTo("2026-03-25T12:00:00Z");
    expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
    expect((await show(marco)).subscription.paused).toBe(true);
    await act(marco, { action: "unpause" });
    await passTo("2027-01-23T12:00:00Z");
    expect(await granted(marco)).toHaveLength(12);

    // The year's renewal: the bank wants to hear from him, and does.
    world.stripe.turnCard(await cardOf(marco), "4000002760003184");
    await passTo("2027-01-26T12:00:00Z");
    expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
    expect((await show(marco)).subscription.openInvoice).toMatchObject({
      dueCents: 99_000,
      needsAction: true,
    });
    world.stripe.authenticateInvoice((await invoices(marco))[0]?.id ?? "", "completes");
    await bring();
    expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
    expect(await letters(marco)).toEqual([
      ...["tier_change", "trial_ending", "renewal_needs_action", "renewal_recovered"],
    ]);

    // The next one is declined, and nobody mends it.
    world.stripe.turnCard(await cardOf(marco), declining);
    await passTo("2028-01-30T12:00:00Z");
    expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
    await passTo("2028-01-31T12:00:00Z");
    expect(await standing(marco)).toEqual({ tier: "explorer", state: "lapsed" });
    await passTo("2028-02-15T12:00:00Z");
    expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
    expect(await granted(marco)).toHaveLength(24);
    expect((await letters(marco)).slice(4)).toEqual(["renewal_failed", "grace_ending", "tier_change"]);
    await booksBalance(world);
  },
);

function seconds(): number {
  return Math.floor(vi.getMockedSystemTime()?.getTime() ?? 0) / 1_000;
}
