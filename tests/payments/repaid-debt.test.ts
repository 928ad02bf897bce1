/** A debt that something else repaid is over: no later refund, dispute or transfer from Venice takes it once more. */
import { expect, test } from "vitest";
import { overlapping } from "../support/overlapping.ts";
import { useReversals, type Bought } from "../support/reversing.ts";
import { booksBalance, deliver, paidPurchase, useWorld, type Customer } from "../support/world.ts";

const world = useWorld();
const { bought, arrive, balance, purchase, news, spend, prove } = useReversals(world);

/** 525 ducats that arrived in Venice and were refunded for `amount` cents: what they left is owed, and can be fetched back. */
async function owed(amount?: number, customer?: Customer): Promise<Bought> {
  // Others' are not fetched.
  await world.database.rows("update refund_debts set next_at = 'infinity'");
  await world.database.rows(
    "insert into reserve (purse_millis, read_at) select 1000000000, now() where not exists (select from reserve)",
  );
  const order = await bought({ pack: "explorer", deliverTo: "venice" }, customer);
  await arrive(order);
  await prove(order.customer);
  world.stripe.refund(order.payment, amount === undefined ? {} : { amount });
  await news();
  return order;
}

/** What would be fetched from Venice now, in millis. */
async function fetchable(): Promise<number> {
  const [row] = await world.database.rows<{ millis: string | null }>(
    "select recall_at_hand(now()) ->> 'millis' as millis",
  );
  return Number(row?.millis ?? 0);
}

/** Another pack of the same customer's, all of it spent, whose dispute is lost: a debt that nobody fetches. */
async function loseDispute({ customer }: Bought): Promise<void> {
  const { payment } = await bought({ pack: "explorer" }, customer);
  const { wallet } = await balance(customer);
  await spend(customer, wallet ?? 0);
  world.stripe.decideDispute(world.stripe.openDispute(payment).id, "lost");
  await news();
}

test("it is fetched as long as nothing has repaid it", async () => {
  await owed();
  expect(await fetchable()).toBe(525_000);
});

test("repaid by a purchase: nothing is left to be fetched, whatever debt comes later", async () => {
  const order = await owed();
  await bought({ pack: "explorer" }, order.customer);
  expect(await balance(order.customer)).toMatchObject({ wallet: 0, debt: 0 });
  await loseDispute(order);
  expect(await balance(order.customer)).toMatchObject({ debt: 525_000 });
  expect(await fetchable()).toBe(0);
});

test("repaid by a purchase that is refunded itself: its own ducats were never in Venice", async () => {
  const order = await owed();
  const other = await bought({ pack: "explorer" }, order.customer);
  world.stripe.refund(other.payment);
  await news();
  expect(await balance(order.customer)).toMatchObject({ wallet: 0, debt: 525_000 });
  expect(await fetchable()).toBe(0);
  await booksBalance(world);
});

test("repaid in part: the rest alone, beside a lost dispute's debt, too", async () => {
  const order = await owed();
  await bought({ pack: "starter" }, order.customer);
  expect(await fetchable()).toBe(425_000);
  await loseDispute(order);
  expect(await balance(order.customer)).toMatchObject({ debt: 525_000 });
  expect(await fetchable()).toBe(0);
});

test("beside a lost dispute's debt that is older: what is repaid is taken off what would be fetched", async () => {
  const order = await owed(2_500);
  await loseDispute(order);
  expect(await fetchable()).toBe(0);
  world.stripe.refund(order.payment, { amount: 2_500 });
  await news();
  expect(await balance(order.customer)).toMatchObject({ debt: 525_000 + 262_500 });
  expect(await fetchable()).toBe(262_000);
  await bought({ pack: "starter" }, order.customer);
  expect(await fetchable()).toBe(162_000);
});

test("refunded in two parts, the first repaid between: the second alone", async () => {
  const order = await owed(2_500);
  expect(await fetchable()).toBe(262_000);
  await bought({ pack: "explorer" }, order.customer);
  expect([await fetchable(), await balance(order.customer)]).toMatchObject([0, { wallet: 262_500, debt: 0 }]);
  await spend(order.customer, 262_500);
  world.stripe.refund(order.payment, { amount: 2_500 });
  await news();
  expect(await purchase(order.purchaseId)).toMatchObject({ burned: 525_000, owed: 525_000 });
  expect(await fetchable()).toBe(262_000);
});

test("refunded in part, repaid, and the rest lost to the bank: nothing is fetched, and no more burned than was given", async () => {
  const order = await owed(2_500);
  await bought({ pack: "explorer" }, order.customer);
  await spend(order.customer, 262_500);
  world.stripe.decideDispute(world.stripe.openDispute(order.payment, { amount: 2_500 }).id, "lost");
  await news();
  expect(await purchase(order.purchaseId)).toMatchObject({ burned: 525_000, frozen: 0, risk: 0 });
  expect(await balance(order.customer)).toMatchObject({ wallet: 0, debt: 262_500 });
  expect(await fetchable()).toBe(0);
});

test("the refund fails after it was repaid: all of it is back, and nothing is fetched", async () => {
  const order = await owed();
  await bought({ pack: "explorer" }, order.customer);
  world.stripe.failRefund(world.stripe.world.refunds.newestFirst()[0]?.id ?? "");
  await news();
  expect(await balance(order.customer)).toMatchObject({ wallet: 525_000, debt: 0 });
  expect(await purchase(order.purchaseId)).toMatchObject({ burned: 0, owed: 0 });
  await loseDispute(order);
  expect(await fetchable()).toBe(0);
});

test("a refund that was repaid fails: what comes back repays another purchase's debt, which is fetched no more", async () => {
  const first = await owed();
  const failing = world.stripe.world.refunds.newestFirst()[0]?.id ?? "";
  await bought({ pack: "explorer" }, first.customer);
  await owed(undefined, first.customer);
  expect([await fetchable(), await balance(first.customer)]).toMatchObject([525_000, { debt: 525_000 }]);
  world.stripe.failRefund(failing);
  await news();
  expect([await fetchable(), await balance(first.customer)]).toMatchObject([0, { wallet: 0, debt: 0 }]);
  await loseDispute(first);
  expect(await fetchable()).toBe(0);
  await booksBalance(world);
});

test("a payment that repays is settled while the refund is read once more: both are, and neither waits for the other crosswise", async () => {
  const order = await owed(2_500);
  const paid = await paidPurchase(world, order.customer, { pack: "starter", deliverTo: "wallet" });
  const answer = await overlapping(world, "select apply_reversals(now(), $1)", [order.payment], () =>
    deliver(paid.completed),
  );
  expect([answer.status, answer.body.outcome]).toEqual([200, "settled"]);
  expect(await fetchable()).toBe(162_000);
});

test("a transfer from Venice is begun while a purchase repays the debt: not begun", async () => {
  const order = await owed();
  const paid = await paidPurchase(world, order.customer, { pack: "explorer", deliverTo: "wallet" });
  const { id } = paid.succeeded.data.object as { id: string };
  const [begun] = await overlapping(
    world,
    "select settle_purchase(now(), p, $2, null) from purchases p where id = $1",
    [paid.purchaseId, id],
    () =>
      world.database.rows("select begin_recall(now(), 'rcl_' || substr($1, 5), $1, 525000) as begun", [
        order.purchaseId,
      ]),
  );
  expect(begun).toEqual({ begun: false });
  expect(await balance(order.customer)).toMatchObject({ debt: 0, recall: 0 });
});
