/** The hourly work on subscriptions, fired as the platform fires it, any number of times at once. */
import { expect, test, vi } from "vitest";
import { idOf } from "../../../dev/stripe/reference.ts";
import { HOUR_MS, MINUTE_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { giveTier, useSubscribers, type Subscriber } from "../../support/subscribing.ts";
import { booksBalance, deliver, newCustomer, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();
const subscribers = useSubscribers(world, "2026-03-10T09:00:00Z");
const { sdk, subscriber, subscribe, news, bring, standing, granted, letters } = subscribers;

const DECLINING = "4000000000000341";

const fire = () => call("keep-subscriptions", { json: { next_run: new Date().toISOString() } });

/** Stripe has done by then what was due; none of its events has come. */
function timeIs(time: string | number): void {
  vi.setSystemTime(time);
  world.stripe.advance({ ms: 0 });
}

function chargesOf(marco: Subscriber): number {
  return world.stripe.world.charges
    .oldestFirst()
    .filter((charge) => idOf(charge.customer) === marco.stripeCustomer && charge.status === "succeeded")
    .length;
}

async function openAlerts(kind: string): Promise<readonly { subject: string; message: string }[]> {
  return await world.database.rows<{ subject: string; message: string }>(
    "select subject, message from alerts where kind = $1 and closed_at is null",
    [kind],
  );
}

async function subscribed(tier: "builder" | "architect" = "builder", interval: "month" | "year" = "month") {
  const marco = await subscriber();
  const { id } = await subscribe(marco, tier, interval);
  await bring();
  return { marco, subscription: id };
}

test("with nobody subscribed it asks Stripe for nothing", async () => {
  world.stripe.faults.forget();
  const answer = await fire();
  expect([answer.status, answer.body]).toEqual([
    200,
    { accounts: 0, retries: 0, starts: 0, reads: 0, followUps: 0, stopped: null },
  ]);
  expect(world.stripe.faults.seen).toEqual([]);
});

test("a year's months are granted in their time, and told once, fired five times at once", async () => {
  const { marco } = await subscribed("builder", "year");
  timeIs("2026-05-10T09:30:00Z");
  const answers = await Promise.all(Array.from({ length: 5 }, fire));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(log.last()).toMatchObject({ function: "keep-subscriptions" });
  expect(await granted(marco)).toEqual([
    ["2026-03-10", 250],
    ["2026-04-10", 250],
    ["2026-05-10", 250],
  ]);
  expect(await letters(marco)).toEqual(["tier_change"]);
  await booksBalance(world);
});

test("a trial that ends within three days is announced once", async () => {
  const marco = await subscriber();
  await subscribe(marco, "builder", "month", { trial_period_days: 14 });
  await bring();
  timeIs("2026-03-20T09:00:00Z");
  await fire();
  expect(await letters(marco)).toEqual(["tier_change"]);
  timeIs("2026-03-21T10:00:00Z");
  await Promise.all(Array.from({ length: 5 }, fire));
  expect(await letters(marco)).toEqual(["tier_change", "trial_ending"]);
});

test("more accounts than a step has: all of them, each once", async () => {
  const ids: string[] = [];
  for (let number = 0; number < 3; number += 1) ids.push((await subscribed("builder", "year")).marco.id);
  vi.setSystemTime("2026-04-10T09:30:00Z");
  const grants = JSON.stringify({ builder: { grantMillis: 250_000 } });
  const step = async (after: string | null): Promise<number[]> => {
    const rows = await world.database.rows<{ kept: { seen: number; last: string | null } }>(
      "select keep_subscriptions($1, $2, $3, 2) as kept",
      [new Date(), grants, after],
    );
    const { seen = 0, last = null } = rows[0]?.kept ?? {};
    return [seen, ...(last === null ? [] : await step(last))];
  };
  const steps = await step(null);
  expect(steps.slice(0, -1).every((seen) => seen === 2)).toBe(true);
  expect(steps.at(-1)).toBeLessThan(2);
  for (const id of ids) expect(await granted({ id })).toHaveLength(2);
});

/** An invoice that is open, and a card for it whose first try was cut off by what `fault` says. */
async function cutOff(fault: { kind: "drop_before" | "drop_after"; times: number }) {
  const { marco, subscription } = await subscribed();
  world.stripe.turnCard(marco.card, DECLINING);
  timeIs("2026-04-10T10:30:00Z");
  await bring();
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed"]);
  const paid = chargesOf(marco);
  world.stripe.faults.plan({ method: "POST", path: "/v1/invoices/", ...fault });
  await sdk().paymentMethods.attach("pm_card_visa", { customer: marco.stripeCustomer });
  for (const event of news()) await (await deliver(event)).afterwards;
  world.stripe.faults.clear();
  const state = async () => {
    const [row] = await world.database.rows<{ state: string }>(
      `select r.state from invoice_retries r join subscription_invoices i on i.id = r.invoice_id
       where i.subscription_id = $1`,
      [subscription],
    );
    return row?.state;
  };
  expect(await state()).toBe("asked");
  return { marco, state, paidNow: () => chargesOf(marco) - paid };
}

test.each([
  ["Stripe was not reached", "drop_before", 2 * MINUTE_MS],
  ["the payment was made and its answer lost", "drop_after", 2 * MINUTE_MS],
  ["the payment was made, and Stripe has forgotten the key by now", "drop_after", 25 * HOUR_MS],
] as const)("a try with a new card goes on where it was cut off: %s", async (_, kind, laterMs) => {
  const { marco, state, paidNow } = await cutOff({ kind, times: 3 });
  expect((await fire()).body).toMatchObject({ retries: 0 });
  vi.setSystemTime(Date.now() + laterMs);
  const answers = await Promise.all(Array.from({ length: 5 }, fire));
  expect(answers.map(({ body }) => body.stopped as unknown)).toEqual([null, null, null, null, null]);
  expect(answers.reduce((sum, { body }) => sum + Number(body.retries), 0)).toBe(1);
  expect([paidNow(), await state()]).toEqual([1, "paid"]);
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed", "renewal_recovered"]);
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  await bring();
  expect(await granted(marco)).toEqual([
    ["2026-03-10", 250],
    ["2026-04-10", 250],
  ]);
  await booksBalance(world);
});

let starts = 0;

/** A payment page for a subscription, as the customer's own function makes it. */
async function startOf(marco: Subscriber, tier: "builder" | "architect", expiresAt: string, stored = true) {
  starts += 1;
  const id = `sst_${String(starts).padStart(20, "0")}`;
  const session = await sdk().checkout.sessions.create({
    mode: "subscription",
    customer: marco.stripeCustomer,
    line_items: [{ price: await subscribers.priceOf(tier, "month"), quantity: 1 }],
    success_url: "https://cascade.test/",
  });
  await world.database.rows(
    `insert into subscription_starts (id, account_id, livemode, tier, period, trial_days, origin, session_id, session_url,
       expires_at, created_at) values ($1, $2, false, $3, 'month', 0, 'https://cascade.test', $4, $5, $6, $7)`,
    [id, marco.id, tier, stored ? session.id : null, stored ? session.url : null, expiresAt, new Date()],
  );
  const state = async () => {
    const [row] = await world.database.rows<{ state: string }>(
      "select state from subscription_starts where id = $1",
      [id],
    );
    return row?.state;
  };
  return { session: session.id, state };
}

const statusOf = async (session: string) => (await sdk().checkout.sessions.retrieve(session)).status;

test("a page that is over is ended at Stripe and here; one that isn't stays", async () => {
  const [over, open] = [await subscriber(), await subscriber()];
  const ended = await startOf(over, "builder", "2026-03-10T10:00:00Z");
  const stays = await startOf(open, "builder", "2026-03-10T20:00:00Z");
  vi.setSystemTime("2026-03-10T10:00:01Z");
  const answers = await Promise.all(Array.from({ length: 5 }, fire));
  expect(answers.map(({ body }) => body.stopped as unknown)).toEqual([null, null, null, null, null]);
  expect([await ended.state(), await statusOf(ended.session)]).toEqual(["expired", "expired"]);
  expect([await stays.state(), await statusOf(stays.session)]).toEqual(["open", "open"]);
});

test("a page that could make a second subscription is ended before its time", async () => {
  const marco = await subscriber();
  const page = await startOf(marco, "architect", "2026-03-10T20:00:00Z");
  await subscribe(marco, "builder");
  await bring();
  await fire();
  expect([await page.state(), await statusOf(page.session)]).toEqual(["expired", "expired"]);
});

test("a page whose address nobody has is over without asking Stripe", async () => {
  const page = await startOf(await subscriber(), "builder", "2026-03-10T10:00:00Z", false);
  vi.setSystemTime("2026-03-10T10:30:00Z");
  world.stripe.faults.forget();
  await fire();
  expect(await page.state()).toBe("expired");
  expect(world.stripe.faults.seen.filter(({ path }) => path.includes("checkout"))).toEqual([]);
});

test("a page that was paid while its events were lost has made a subscription", async () => {
  const marco = await subscriber();
  const page = await startOf(marco, "builder", "2026-03-10T10:00:00Z");
  world.stripe.pay(page.session);
  news();
  vi.setSystemTime("2026-03-10T10:30:00Z");
  await Promise.all(Array.from({ length: 5 }, fire));
  expect(await page.state()).toBe("completed");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect(await granted(marco)).toEqual([["2026-03-10", 250]]);
  await booksBalance(world);
});

test("what no event has told is read after six hours", async () => {
  const { marco, subscription } = await subscribed();
  await sdk().subscriptions.cancel(subscription);
  news();
  vi.setSystemTime("2026-03-10T14:59:00Z");
  await fire();
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  vi.setSystemTime("2026-03-10T15:00:00Z");
  await fire();
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
});

test("a renewal of which no event has come is read an hour late", async () => {
  const { marco } = await subscribed();
  timeIs("2026-04-10T05:00:00Z");
  await fire();
  timeIs("2026-04-10T10:30:00Z");
  news();
  expect((await fire()).body.reads).toBeGreaterThan(0);
  expect(await granted(marco)).toEqual([
    ["2026-03-10", 250],
    ["2026-04-10", 250],
  ]);
});

test("one that Stripe doesn't have is told, holds up no other, and waits for its turn again", async () => {
  const stranger = await newCustomer();
  await giveTier(world.database, stranger.id, "builder");
  await world.database.rows("update subscriptions set read_at = '2026-03-01' where account_id = $1", [
    stranger.id,
  ]);
  const { marco, subscription } = await subscribed();
  await sdk().subscriptions.cancel(subscription);
  news();
  vi.setSystemTime("2026-03-10T15:30:00Z");
  expect((await fire()).body).toMatchObject({ stopped: null });
  expect((await openAlerts("subscription_missing")).map(({ subject }) => subject)).toEqual([
    `sub_given_${stranger.id}`,
  ]);
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
  expect((await fire()).body).toMatchObject({ reads: 0 });
  await world.database.rows("update subscriptions set status = 'canceled' where account_id = $1", [
    stranger.id,
  ]);
});

test("Stripe refuses us: 500 and an alert, after the time's own work; it closes when it works again", async () => {
  const { marco } = await subscribed("builder", "year");
  timeIs("2026-04-10T09:30:00Z");
  world.stripe.faults.plan({ kind: "status", status: 403, path: "/v1/subscriptions/", times: 100 });
  expect((await fire()).status).toBe(500);
  expect((await openAlerts("subscriptions_not_kept")).length).toBe(1);
  expect(await granted(marco)).toHaveLength(2);
  world.stripe.faults.clear();
  expect((await fire()).status).toBe(200);
  expect(await openAlerts("subscriptions_not_kept")).toEqual([]);
});

test("Stripe away: 200, the time's own work done, and the reason", async () => {
  const { marco } = await subscribed("builder", "year");
  timeIs("2026-04-10T09:30:00Z");
  world.stripe.faults.plan({ kind: "status", status: 500, path: "/v1/", times: 100 });
  const answer = await fire();
  expect(answer.status).toBe(200);
  expect(answer.body.stopped).toMatch(/stripe/);
  expect(await granted(marco)).toHaveLength(2);
});

test("the database away: 200, nothing done, and the reason", async () => {
  world.gateway.faults.plan({ kind: "drop_before", path: "/sql", times: 20 });
  const answer = await fire();
  expect([answer.status, answer.body.accounts]).toEqual([200, 0]);
  expect(answer.body.stopped).toMatch(/./);
});
