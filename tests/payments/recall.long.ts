/** Refunded ducats that had arrived in Venice are fetched back from the payer's own citizen, and only the purse says that they came. */
import { expect, test } from "vitest";
import { runOnce } from "../../lib/delivery/run.ts";
import { processor, purse } from "../support/delivering.ts";
import { useReversals } from "../support/reversing.ts";
import { useWatched } from "../support/watching.ts";
import { call } from "../support/call.ts";
import { appAt, booksBalance, deliver, newCustomer, signInAgain, useWorld } from "../support/world.ts";

const world = useWorld();
const { clock, run, pass } = useWatched(world);
const { bought, refund, balance, purchase, prove } = useReversals(world);
const citizen = "RialtoBanker";

/** A run a minute, and what the game was asked for done by the next. */
async function live(times: number): Promise<void> {
  for (let minute = 0; minute < times; minute += 1) {
    await run();
    await world.venice.settled();
  }
}

async function delivered() {
  const order = await bought({ pack: "explorer", deliverTo: "venice" });
  await prove(order.customer);
  await live(1);
  await world.airtable.runGame();
  await live(2);
  pass(3 * 3_600_000);
  return order;
}

async function refunded(amountCents?: number) {
  const order = await delivered();
  const before = purse(world, citizen);
  await world.database.rows("update sessions set expires_at = 'infinity', refreshed_at = $1", [clock.now]);
  await request(order.purchaseId, amountCents);
  return { ...order, before };
}

/** The admin's token is older than Venice's clock by now: asked by the capability behind the door. */
async function request(purchaseId: string, amountCents = 5_000): Promise<void> {
  await world.database.rows(
    `insert into refunds (id, payment, amount_cents, status, created_at)
     select 're_' || $2 || id, payment_intent, $2::text::bigint, 'succeeded', now() from purchases where id = $1`,
    [purchaseId, String(amountCents)],
  );
  await world.database.rows("select apply_reversals($2, payment_intent) from purchases where id = $1", [
    purchaseId,
    clock.now,
  ]);
}

async function recalls(purchaseId: string) {
  return world.database.rows("select state, millis::int from recalls where purchase_id = $1", [purchaseId]);
}

test("it comes: the debt is repaid by it, the books and Venice agree", async () => {
  const { purchaseId, customer, before } = await refunded();
  expect(await balance(customer)).toMatchObject({ wallet: 0, debt: 525_000, recall: 0 });
  await live(1);
  expect(await balance(customer)).toMatchObject({ debt: 525_000, recall: 525_000 });
  await live(2);
  expect(purse(world, citizen) - before).toBe(-525);
  expect(await balance(customer)).toMatchObject({ wallet: 0, debt: 0, recall: 0 });
  expect(await recalls(purchaseId)).toEqual([{ state: "done", millis: 525_000 }]);
  await live(3);
  expect(purse(world, citizen) - before).toBe(-525);
  expect(await world.database.rows("select 1 from alerts where kind = 'purse_unexplained'")).toEqual([]);
  await booksBalance(world);
});

test("a part of it, in whole ducats", async () => {
  const { purchaseId, before } = await refunded(1_001);
  await live(3);
  expect(before - purse(world, citizen)).toBe(105);
  expect(await purchase(purchaseId)).toMatchObject({ burned: 105_105, owed: 105_105 });
});

test("of a second partial refund, too, and never more than was delivered", async () => {
  const { purchaseId, customer, before } = await refunded(1_000);
  await live(3);
  expect(before - purse(world, citizen)).toBe(105);
  await request(purchaseId, 4_000);
  await live(3);
  expect(before - purse(world, citizen)).toBe(525);
  expect(await balance(customer)).toMatchObject({ wallet: 0, debt: 0, recall: 0 });
  expect(await recalls(purchaseId)).toHaveLength(2);
});

test("the citizen has spent them: what he has left comes, and the rest when he has it", async () => {
  const { customer } = await refunded();
  world.airtable.setDucats(citizen, 100.5);
  await live(3);
  expect(purse(world, citizen)).toBe(0.5);
  expect(await balance(customer)).toMatchObject({ debt: 425_000, recall: 0 });
  world.airtable.setDucats(citizen, 100_000);
  await live(3);
  expect(purse(world, citizen)).toBe(100_000);
  pass(3_600_000);
  await live(3);
  expect(purse(world, citizen)).toBe(99_575);
  expect(await balance(customer)).toMatchObject({ debt: 0, recall: 0 });
});

test("he has nothing, or nobody knows what he has: nothing is asked for, and others' turns come", async () => {
  const poor = await refunded();
  world.airtable.setDucats(citizen, 0);
  await live(2);
  expect(await recalls(poor.purchaseId)).toEqual([]);
  const [debt] = await world.database.rows(
    "select tries, next_at > $2 as waits from refund_debts where purchase_id = $1",
    [poor.purchaseId, clock.now],
  );
  expect(debt).toEqual({ tries: 1, waits: true });
  expect(await balance(poor.customer)).toMatchObject({ debt: 525_000, recall: 0 });
  world.airtable.setDucats(citizen, 100_000);
});

test("a gift stays with who received it: only a citizen that the payer has proved is asked", async () => {
  const receiver = await newCustomer();
  const { purchaseId, customer, before } = await refunded();
  await prove(receiver);
  await live(3);
  // His own by now is another; his wallet says so.
  await world.database.rows(
    "update accounts set citizen = 'ConsiglioDeiDieci', wallet = 'another', citizen_proved_at = now() where id = $1",
    [customer.id],
  );
  await live(3);
  expect(purse(world, citizen)).toBe(before);
  expect(await recalls(purchaseId)).toEqual([]);
  expect(await balance(customer)).toMatchObject({ debt: 525_000 });
});

test.each([
  ["the answer is lost, and it was done", { kind: "status_after", status: 504 }, "done"],
  ["it never arrives", { kind: "drop_before" }, "failed"],
] as const)("%s: the purse decides", async (_, fault, state) => {
  const { purchaseId, customer } = await refunded();
  world.venice.faults.plan({ ...fault, method: "POST", path: "try-create" });
  await live(2);
  expect((await balance(customer))["recall"]).toBe(state === "done" ? 0 : 525_000);
  await live(31);
  expect(await recalls(purchaseId)).toEqual([{ state, millis: 525_000 }]);
  expect(await balance(customer)).toMatchObject({ recall: 0, debt: state === "done" ? 0 : 525_000 });
  await booksBalance(world);
});

test("the refund fails after they came: they are in the wallet, the purchase says so, nothing is fetched again", async () => {
  const { purchaseId, payment, customer } = await delivered();
  const before = purse(world, citizen);
  const mark = world.stripe.events.mark();
  const { id } = world.stripe.refund(payment);
  await live(1);
  await tell(mark);
  await live(3);
  expect(await recalls(purchaseId)).toEqual([{ state: "done", millis: 525_000 }]);
  expect(await balance(customer)).toMatchObject({ wallet: 0, debt: 0 });
  const end = world.stripe.events.mark();
  world.stripe.failRefund(id);
  await tell(end);
  await live(3);
  expect(await balance(customer)).toMatchObject({ wallet: 525_000, transit: 0, debt: 0, recall: 0 });
  expect(before - purse(world, citizen)).toBe(525);
  const { token } = await signInAgain(customer);
  const { body } = await call("purchases", { token, tail: `/${purchaseId}` });
  expect(body.purchase).toMatchObject({ status: "paid", burnedMillis: 0, frozenMillis: 0, atRiskMillis: 0 });
  expect(body.delivery).toMatchObject({ status: "executed" });
  expect(body.timeline.filter(({ kind }: { kind: string }) => kind !== "delivery").slice(-3)).toMatchObject([
    { kind: "refund", id, status: "succeeded", usdCents: 5_000 },
    { kind: "recall", status: "done", millis: 525_000 },
    { kind: "refund", id, status: "failed", usdCents: 5_000 },
  ]);
  await booksBalance(world);
});

/** What Stripe has announced since a mark, to the webhook. */
async function tell(mark: number): Promise<void> {
  for (const event of world.stripe.events.since(mark)) {
    const answer = await deliver(event);
    expect([event.type, answer.status]).toEqual([event.type, 200]);
    await answer.afterwards;
  }
}

test("five drains at once ask once; a delivery on its way stays what it is", async () => {
  const { purchaseId, before } = await refunded();
  const other = await bought({ pack: "starter", deliverTo: "venice" });
  await live(1);
  await Promise.all(Array.from({ length: 5 }, () => runOnce(appAt(clock), 100)));
  await world.venice.settled();
  await live(3);
  expect(before - purse(world, citizen)).toBe(525);
  expect(await recalls(purchaseId)).toHaveLength(1);
  await world.airtable.runGame();
  await live(2);
  const [row] = await world.database.rows("select status from deliveries where id = $1", [other.deliveryId]);
  expect(row).toEqual({ status: "executed" });
  expect(purse(world, processor)).toBeGreaterThan(0);
  expect(refund).toBeTypeOf("function");
});
