/** Money in: what the webhook credits, once, and what it never credits. */
import { expect, test } from "vitest";
import {
  booksBalance,
  checkout,
  deliver,
  eventsOf,
  newCustomer,
  openPurchase,
  paidPurchase,
  statusOf,
  useWorld,
  type StripeEvent,
} from "../../support/world.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";

const world = useWorld();
const log = useLog();
const wallet = { deliverTo: "wallet" };

function altered(event: StripeEvent, changes: object, id = `${event.id}_altered`): object {
  return { ...event, id, data: { object: { ...event.data.object, ...changes } } };
}

async function credits(purchaseId: string): Promise<number> {
  const rows = await world.database.rows("select 1 from transactions where business_key = $1", [
    `purchase:${purchaseId}`,
  ]);
  return rows.length;
}

test("a paid pack is credited with its bonus, and a delivery waits for Venice", async () => {
  const customer = await newCustomer();
  const { purchaseId, completed } = await paidPurchase(world, customer, { pack: "trader" });
  const answer = await deliver(completed);
  expect(answer.body).toEqual({ received: true, outcome: "settled" });
  const status = await statusOf(customer);
  expect(status).toMatchObject({ walletMillis: 0, transitMillis: 1_075_000 });
  expect(status.purchases[0]).toMatchObject({
    id: purchaseId,
    status: "paid",
    usdCents: 10_000,
    totalMillis: 1_075_000,
  });
  expect(status.deliveries[0]).toMatchObject({ purchaseId, millis: 1_075_000, citizen: "RialtoBanker" });
  await answer.afterwards;
  await booksBalance(world);
});

test("a custom amount into the wallet gives floor(cents × 10,000,000 / rate) millis", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, { amountCents: 1_999, ...wallet });
  await deliver(completed);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 199_900, transitMillis: 0 });
  await booksBalance(world);
});

test("the same event fifty times at once, then under another id, is credited once", async () => {
  const customer = await newCustomer();
  const { purchaseId, completed, succeeded } = await paidPurchase(world, customer, {
    pack: "starter",
    ...wallet,
  });
  const answers = await Promise.all(Array.from({ length: 50 }, () => deliver(completed)));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
  const outcomes = answers.map(({ body }) => body.outcome);
  expect(outcomes.filter((outcome) => outcome === "settled")).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === "duplicate")).toHaveLength(49);
  expect((await deliver(altered(completed, {}))).body.outcome).toBe("already_settled");
  expect((await deliver(succeeded)).body.outcome).toBe("already_settled");
  expect(await credits(purchaseId)).toBe(1);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  const [usage] = await world.database.rows("select * from usage_events where event_id = $1", [purchaseId]);
  expect(usage).toMatchObject({ meter: "ducats.purchased", units: "100000", charged_millis: "0" });
  await booksBalance(world);
});

test("the session's and the payment's events at once, in any order, credit once", async () => {
  for (let round = 0; round < 5; round += 1) {
    const customer = await newCustomer();
    const { purchaseId, completed, succeeded } = await paidPurchase(world, customer, {
      pack: "starter",
      ...wallet,
    });
    const both = round % 2 === 0 ? [completed, succeeded] : [succeeded, completed];
    const answers = await Promise.all([...both, ...both].map((event) => deliver(event)));
    expect(answers.filter(({ body }) => body.outcome === "settled")).toHaveLength(1);
    expect(await credits(purchaseId)).toBe(1);
  }
  await booksBalance(world);
});

test("a second real payment for a settled purchase is set aside, alerted, and credits nothing", async () => {
  const customer = await newCustomer();
  const { purchaseId, sessionId, completed } = await paidPurchase(world, customer, {
    pack: "starter",
    ...wallet,
  });
  await deliver(completed);
  // It is sent back by itself, unless Stripe is away: tests/functions/refunds.
  world.stripe.faults.plan({ kind: "status", status: 500, method: "POST", path: "/v1/refunds", times: 10 });
  world.stripe.payAgain(sessionId);
  const second = eventsOf(world, purchaseId, "payment_intent.succeeded").at(-1);
  const secondCompleted = eventsOf(world, purchaseId, "checkout.session.completed").at(-1);
  if (!second || !secondCompleted) throw new Error("no second payment");
  expect((await deliver(second)).body.outcome).toBe("second_payment");
  expect((await deliver(secondCompleted)).body.outcome).toBe("second_payment");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  const quarantined = await world.database.rows("select * from quarantines where purchase_id = $1", [
    purchaseId,
  ]);
  expect(quarantined).toHaveLength(1);
  const [suspense] = await world.database.rows<{ amount: string }>(
    "select amount from trial_balance where ledger = 'suspense'",
  );
  expect(suspense?.amount).toBe("-1000");
  expect(await world.database.rows("select * from alerts where kind = 'payment_quarantined'")).toHaveLength(
    1,
  );
  await booksBalance(world);
});

test.each([
  ["another amount", { amount_total: 999 }, "amount_mismatch"],
  ["a larger amount", { amount_total: 100_000 }, "amount_mismatch"],
  ["another currency", { currency: "eur" }, "currency_mismatch"],
])(
  "%s than agreed is quarantined and never credited; the right payment still settles",
  async (_, changes, outcome) => {
    const customer = await newCustomer();
    const { purchaseId, completed } = await paidPurchase(world, customer, { pack: "starter", ...wallet });
    const wrong = altered(completed, { ...changes, payment_intent: `pi_wrong_${purchaseId}` });
    expect((await deliver(wrong)).body.outcome).toBe(outcome);
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
    expect((await statusOf(customer)).purchases[0].status).toBe("review");
    expect((await deliver(completed)).body.outcome).toBe("settled");
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
    await booksBalance(world);
  },
);

test("a live-mode event on a test site credits nothing", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, { pack: "starter", ...wallet });
  expect((await deliver({ ...completed, id: "evt_live", livemode: true })).body.outcome).toBe(
    "mode_mismatch",
  );
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
});

test("a test-mode event about a live site's purchase credits nothing", async () => {
  const customer = await newCustomer();
  const { purchaseId, completed, succeeded } = await paidPurchase(world, customer, {
    pack: "starter",
    ...wallet,
  });
  await world.database.rows("update purchases set livemode = true where id = $1", [purchaseId]);
  expect((await deliver(completed)).body.outcome).toBe("mode_mismatch");
  expect((await deliver(succeeded)).body.outcome).toBe("mode_mismatch");
  expect(await credits(purchaseId)).toBe(0);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
});

test("amount and citizen in the metadata change nothing", async () => {
  const customer = await newCustomer();
  const { purchaseId, completed } = await paidPurchase(world, customer, { pack: "starter" });
  const metadata = { purchase: purchaseId, ducats: "1000000", citizen: "BarnabottoLuca" };
  await deliver(altered(completed, { metadata }));
  expect((await statusOf(customer)).deliveries[0]).toMatchObject({
    millis: 100_000,
    citizen: "RialtoBanker",
  });
});

test("a payment we don't know yet is parked, and applied when its purchase is paid", async () => {
  const customer = await newCustomer();
  const { completed, succeeded } = await paidPurchase(world, customer, { pack: "starter", ...wallet });
  const nameless = altered(succeeded, { metadata: {} });
  expect((await deliver(nameless)).body.outcome).toBe("parked");
  expect((await deliver(completed)).body.outcome).toBe("settled");
  const [event] = await world.database.rows("select state, outcome from stripe_events where id = $1", [
    `${succeeded.id}_altered`,
  ]);
  expect(event).toEqual({ state: "applied", outcome: "already_settled" });
  await booksBalance(world);
});

test("an event type we don't act on is stored and answered 200", async () => {
  const event = {
    id: "evt_foreign",
    object: "event",
    type: "customer.created",
    api_version: null,
    livemode: false,
    created: 1,
    data: { object: { id: "cus_1" } },
  };
  expect((await deliver(event)).body.outcome).toBe("ignored");
});

test("a session that expires ends its purchase, an earlier attempt's session does not, a payment still wins", async () => {
  const customer = await newCustomer();
  const { purchaseId, sessionId } = await openPurchase(customer, { pack: "starter", ...wallet });
  world.stripe.expire(sessionId);
  const [expired] = eventsOf(world, purchaseId, "checkout.session.expired");
  if (!expired) throw new Error("no expiry");
  expect((await deliver(altered(expired, { id: "cs_test_other" }))).body.outcome).toBe("unchanged");
  expect((await deliver(expired)).body.outcome).toBe("expired");
  expect((await statusOf(customer)).purchases[0].status).toBe("expired");
});

test("a declined card is shown and the purchase stays open; then it is paid", async () => {
  const customer = await newCustomer();
  const { purchaseId, sessionId } = await openPurchase(customer, { pack: "starter", ...wallet });
  world.stripe.decline(sessionId);
  const [declined] = eventsOf(world, purchaseId, "payment_intent.payment_failed");
  if (!declined) throw new Error("no decline");
  expect((await deliver(declined)).body.outcome).toBe("declined");
  const [open] = (await statusOf(customer)).purchases;
  expect(open.status).toBe("open");
  expect(open.lastDecline).toMatch(/declined/);
  world.stripe.pay(sessionId);
  const [completed] = eventsOf(world, purchaseId, "checkout.session.completed");
  if (!completed) throw new Error("no completion");
  await deliver(completed);
  // The decline's event again, late: the paid purchase keeps its state.
  expect((await deliver(altered(declined, {}))).body.outcome).toBe("unchanged");
  expect((await statusOf(customer)).purchases[0]).toMatchObject({ status: "paid", lastDecline: null });
});

test.each([
  ["succeeds", "checkout.session.async_payment_succeeded", "paid", 100_000],
  ["fails", "checkout.session.async_payment_failed", "failed", 0],
] as const)("a bank debit that %s is processing first, then %s", async (how, type, status, walletMillis) => {
  const customer = await newCustomer();
  const { purchaseId, sessionId } = await openPurchase(customer, { pack: "starter", ...wallet });
  world.stripe.pay(sessionId, { bankDebit: true });
  const [completed] = eventsOf(world, purchaseId, "checkout.session.completed");
  if (!completed) throw new Error("no completion");
  expect((await deliver(completed)).body.outcome).toBe("processing");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
  world.stripe.settleDebit(sessionId, how);
  const [settled] = eventsOf(world, purchaseId, type);
  if (!settled) throw new Error(`no ${type}`);
  await deliver(settled);
  const after = await statusOf(customer);
  expect(after).toMatchObject({ walletMillis });
  expect(after.purchases[0].status).toBe(status);
});

test("a debt is repaid first, and only what is left is credited", async () => {
  const customer = await newCustomer();
  await world.database.rows(
    "select post(now(), 'planted:' || $1, 'planted', array[('debt', $1, -30500)::leg, ('spent', null, 30500)::leg])",
    [customer.id],
  );
  const opened = await checkout(customer, { pack: "starter" }, "with-debt");
  expect(opened.body.debtMillis).toBe(30_500);
  const { completed } = await paidPurchase(world, customer, { pack: "starter" });
  await (
    await deliver(completed)
  ).afterwards;
  const status = await statusOf(customer);
  expect(status).toMatchObject({ debtMillis: 0, walletMillis: 500, transitMillis: 69_000 });
  expect(status.purchases[0].repaidMillis).toBe(30_500);
  await booksBalance(world);
});

test("an unsigned, a wrongly signed and an old event are refused and stored nowhere", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, { pack: "starter", ...wallet });
  const body = JSON.stringify({ ...completed, id: "evt_forged" });
  const json = { "content-type": "application/json" };
  for (const signature of ["", "t=1,v1=00", `t=${Math.floor(Date.now() / 1000)},v1=${"0".repeat(64)}`]) {
    const answer = await call("stripe-webhook", {
      body,
      headers: { ...json, "stripe-signature": signature },
    });
    expect([answer.status, answer.body.code]).toEqual([400, "invalid_signature"]);
  }
  expect((await deliver({ ...completed, id: "evt_old" }, new Date(Date.now() - 301_000))).status).toBe(400);
  expect(
    await world.database.rows("select 1 from stripe_events where id in ('evt_forged', 'evt_old')"),
  ).toHaveLength(0);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
});

test("an effect that raises keeps the event as failed and answers 500; the next delivery applies it", async () => {
  const customer = await newCustomer();
  const { purchaseId, completed } = await paidPurchase(world, customer, { pack: "starter", ...wallet });
  // The books refuse a business key that is taken: as an unforeseen failure would, it undoes the whole statement.
  await world.database.rows(
    "alter table usage_events add constraint planted check (event_id <> '" + purchaseId + "')",
  );
  const refused = await deliver(completed);
  expect([refused.status, refused.body.code]).toEqual([500, "event_not_applied"]);
  const [failed] = await world.database.rows("select state, error from stripe_events where id = $1", [
    completed.id,
  ]);
  expect(failed?.["state"]).toBe("failed");
  expect(failed?.["error"]).toMatch(/planted/);
  const alerts = () =>
    world.database.rows(
      "select 1 from alerts where kind = 'stripe_event_failed' and subject = $1 and closed_at is null",
      [completed.id],
    );
  expect(await alerts()).toHaveLength(1);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
  await world.database.rows("alter table usage_events drop constraint planted");
  expect((await deliver(completed)).body.outcome).toBe("settled");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  expect(await alerts()).toEqual([]);
  await booksBalance(world);
});

test.each(["drop_before", "drop_after", "status"] as const)(
  "the database's answer lost (%s): 5xx, and Stripe's next delivery ends in one credit",
  async (kind) => {
    const customer = await newCustomer();
    const { purchaseId, completed } = await paidPurchase(world, customer, { pack: "starter", ...wallet });
    world.gateway.faults.plan({ kind, path: "/sql" });
    expect((await deliver(completed)).status).toBeGreaterThanOrEqual(500);
    expect((await deliver(completed)).status).toBe(200);
    expect(await credits(purchaseId)).toBe(1);
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
    await booksBalance(world);
  },
);

test("a payment costs one round trip to Postgres before the answer, and Venice is told afterwards", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, { pack: "starter" });
  world.gateway.faults.forget();
  world.airtable.faults.forget();
  world.upstash.faults.forget();
  // Whatever the answer waits for would have to wait for this, too.
  world.upstash.faults.plan({ kind: "latency", latencyMs: 2_000, times: 5 });
  const answer = await deliver(completed);
  expect(answer.body.outcome).toBe("settled");
  expect(log.last()).toMatchObject({ function: "stripe-webhook", trips: { postgres: 1 } });
  expect(world.airtable.faults.seen).toHaveLength(0);
  world.upstash.faults.clear();
  await answer.afterwards;
  expect(world.airtable.faults.seen.length).toBeGreaterThan(0);
});
