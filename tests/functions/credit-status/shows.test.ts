/** What a customer sees of their ducats: their own, all of it, and only what is so. */
import { afterEach, expect, test, vi } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import {
  checkout,
  deliver,
  newCustomer,
  openPurchase,
  paidPurchase,
  statusOf,
  useWorld,
  type Customer,
} from "../../support/world.ts";

const world = useWorld();
const log = useLog();

afterEach(() => {
  vi.useRealTimers();
});

/** Somebody whose citizen nobody else has: a purse is cached by citizen. */
let citizens = 0;
async function newCitizen(ducats: number): Promise<Customer> {
  citizens += 1;
  const Username = `Citizen${citizens}`;
  world.airtable.addCitizen({ Username, Ducats: ducats });
  return newCustomer(Username);
}

test("a new customer has nothing but the citizen's purse", async () => {
  const customer = await newCitizen(2_190.375);
  expect(await statusOf(customer)).toEqual({
    citizen: customer.citizen,
    ...{ walletMillis: 0, transitMillis: 0, frozenMillis: 0, heldMillis: 0, debtMillis: 0 },
    purseMillis: 2_190_375,
    ...{ purchases: [], deliveries: [] },
  });
});

test("within a minute the purse is shown from the cache: one round trip; after it, read again", async () => {
  const customer = await newCitizen(100);
  const start = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  await statusOf(customer);
  expect(log.last().trips).toEqual({ postgres: 2, redis: 1, venice: 1 });
  for (const part of [world.gateway, world.airtable, world.upstash]) part.faults.forget();
  world.airtable.setDucats(customer.citizen, 250);
  vi.setSystemTime(start + MINUTE_MS - SECOND_MS);
  expect((await statusOf(customer)).purseMillis).toBe(100_000);
  expect(log.last()).toMatchObject({
    function: "credit-status",
    account: customer.id,
    trips: { postgres: 1 },
  });
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect([world.gateway, world.airtable, world.upstash].map(({ faults }) => faults.seen.length)).toEqual([
    1, 0, 0,
  ]);
  vi.setSystemTime(start + MINUTE_MS);
  expect((await statusOf(customer)).purseMillis).toBe(250_000);
});

test.each([
  ["Venice refuses", "airtable", { kind: "status", status: 500 }],
  ["Venice throttles", "airtable", { kind: "status", status: 429 }],
  ["Venice cuts the line", "airtable", { kind: "drop_before" }],
] as const)("%s: the purse is null and all the rest is shown", async (_, part, fault) => {
  const customer = await newCitizen(100);
  const { completed } = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  await deliver(completed);
  world[part].faults.plan({ ...fault, times: 5 });
  const answer = await call("credit-status", { token: customer.token });
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ walletMillis: 100_000, purseMillis: null });
  expect(answer.body.purchases).toHaveLength(1);
});

test("Redis is away: the purse is shown all the same, Postgres says when Venice may be asked", async () => {
  const customer = await newCitizen(100);
  await world.database.rows("update pace set next_at = '-infinity'");
  world.upstash.faults.plan({ kind: "status", status: 500 });
  expect((await statusOf(customer)).purseMillis).toBe(100_000);
  expect(log.last().trips).toEqual({ postgres: 3, redis: 1, venice: 1 });
});

test("an old purse is not shown when Venice is away: null, not yesterday's", async () => {
  const customer = await newCitizen(100);
  const start = Date.now();
  await statusOf(customer);
  vi.useFakeTimers({ toFake: ["Date"], now: start + 2 * MINUTE_MS });
  world.airtable.faults.plan({ kind: "status", times: 5 });
  expect((await statusOf(customer)).purseMillis).toBe(null);
});

test("a citizen who is not in Venice any more has no purse", async () => {
  const customer = await newCitizen(100);
  world.airtable.remove("CITIZENS", world.airtable.citizen(customer.citizen)?.id ?? "");
  expect((await statusOf(customer)).purseMillis).toBe(null);
});

test("nobody sees another's ducats, purchases or deliveries, even of the same citizen", async () => {
  const [rich, other] = [await newCustomer(), await newCustomer()];
  const wallet = await paidPurchase(world, rich, { pack: "noble", deliverTo: "wallet" });
  await deliver(wallet.completed);
  const venice = await paidPurchase(world, rich, { pack: "starter" });
  await (
    await deliver(venice.completed)
  ).afterwards;
  const seen = await call("credit-status", { token: other.token, tail: `?accountId=${rich.id}` });
  expect(seen.body).toMatchObject({ walletMillis: 0, transitMillis: 0, purchases: [], deliveries: [] });
  for (const id of [rich.id, rich.email, wallet.purchaseId, venice.purchaseId])
    expect(seen.text).not.toContain(id);
  const own = await statusOf(rich);
  expect(own).toMatchObject({ walletMillis: 5_750_000, transitMillis: 100_000 });
  expect([own.purchases.length, own.deliveries.length]).toEqual([2, 1]);
});

test("a draft was never offered and is not shown; once it is open, its page is", async () => {
  const customer = await newCustomer();
  world.stripe.faults.plan({ kind: "status", status: 429, path: "/v1/checkout" });
  expect((await checkout(customer, { pack: "starter" }, "draft")).status).toBe(503);
  expect((await statusOf(customer)).purchases).toEqual([]);
  const opened = await checkout(customer, { pack: "starter" }, "draft");
  expect((await statusOf(customer)).purchases).toEqual([
    expect.objectContaining({
      id: opened.body.purchaseId,
      status: "open",
      paymentUrl: opened.body.url,
      paidAt: null,
    }),
  ]);
});

test("a paid purchase has no payment page any more", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  await deliver(completed);
  const [purchase] = (await statusOf(customer)).purchases;
  expect(purchase).toMatchObject({ status: "paid", paymentUrl: null });
  expect(Date.parse(purchase.paidAt)).toBeGreaterThanOrEqual(Date.parse(purchase.openedAt));
});

test.each(["pending", "planned", "active"])(
  "a delivery that is %s longer than Venice's runs explain is late",
  async (status) => {
    const customer = await newCustomer();
    const { purchaseId, completed } = await paidPurchase(world, customer, { pack: "starter" });
    await (
      await deliver(completed)
    ).afterwards;
    const plant = (age: string) =>
      world.database.rows(
        `update deliveries set status = $2, record_id = 'rec' || id, planned_at = now(), activated_at = now(),
           created_at = now() - $3::interval where purchase_id = $1`,
        [purchaseId, status, age],
      );
    // No delivery is due sooner than an hour and a half after it was made, none later than nine and a half.
    await plant("89 minutes");
    expect((await statusOf(customer)).deliveries[0].status).toBe(status);
    await plant("9 hours 31 minutes");
    expect((await statusOf(customer)).deliveries[0].status).toBe("late");
  },
);

test.each(["executed", "rejected", "uncertain"])(
  "a delivery that is %s is never called late",
  async (status) => {
    const customer = await newCustomer();
    const { purchaseId, completed } = await paidPurchase(world, customer, { pack: "starter" });
    await (
      await deliver(completed)
    ).afterwards;
    await world.database.rows(
      `update deliveries set status = $2, record_id = 'rec' || id, created_at = now() - interval '3 days',
         concluded_at = now() where purchase_id = $1`,
      [purchaseId, status],
    );
    expect((await statusOf(customer)).deliveries[0].status).toBe(status);
  },
);

test("the last twenty purchases, the newest first", async () => {
  const customer = await newCustomer();
  const { purchaseId } = await openPurchase(customer, { pack: "starter", deliverTo: "wallet" });
  await world.database.rows(
    `insert into purchases select (jsonb_populate_record(p, jsonb_build_object('id', 'pur_' || lpad(n::text, 20, '0'),
       'idempotency_key', 'planted-' || n, 'opened_at', p.opened_at - n * interval '1 minute'))).*
     from purchases p, generate_series(1, 25) n where p.id = $1`,
    [purchaseId],
  );
  await world.database.rows(
    `insert into purchase_attempts (purchase_id, attempt, origin, email, expires_at)
     select id, 1, '', '', now() from purchases where account_id = $1 and id <> $2`,
    [customer.id, purchaseId],
  );
  const { purchases } = await statusOf(customer);
  expect(purchases).toHaveLength(20);
  expect(purchases[0].id).toBe(purchaseId);
  const times = purchases.map(({ openedAt }: { openedAt: string }) => openedAt);
  expect(times).toEqual([...times].sort().reverse());
});

test("amounts as large as the books hold are exact", async () => {
  const customer = await newCustomer();
  const most = Number.MAX_SAFE_INTEGER;
  await world.database.rows(
    "select post(now(), 'planted:' || $1, 'planted', array[('wallet', $1, $2)::leg, ('issuance', null, -$2::bigint)::leg])",
    [customer.id, most],
  );
  expect((await statusOf(customer)).walletMillis).toBe(most);
});

test("the database away: 503", async () => {
  const customer = await newCustomer();
  world.gateway.faults.plan({ kind: "drop_before" });
  const answer = await call("credit-status", { token: customer.token });
  expect([answer.status, answer.body.code]).toEqual([503, "database_unavailable"]);
});
