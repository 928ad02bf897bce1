/** Ducats that were taken back because Stripe had no money for them, and the money comes after all. */
import { expect, test } from "vitest";
import { useReversals } from "../support/reversing.ts";
import { booksBalance, deliver, newCustomer, paidPurchase, useWorld } from "../support/world.ts";

const world = useWorld();
const { balance, dollars } = useReversals(world);

/** Credited, and corrected to what Stripe is thought to have received. */
async function corrected(receivedCents: number, payment?: null) {
  const customer = await newCustomer();
  const before = await dollars();
  const paid = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  if (payment === null)
    await world.database.rows("select settle_purchase(now(), p, null, null) from purchases p where id = $1", [
      paid.purchaseId,
    ]);
  else await deliver(paid.completed);
  await world.database.rows("select correct_payment(now(), p, $2) from purchases p where id = $1", [
    paid.purchaseId,
    receivedCents,
  ]);
  const earned = async () =>
    ((await dollars()).get("stripe_clearing") ?? 0) - (before.get("stripe_clearing") ?? 0);
  return { ...paid, customer, earned };
}

test.each([
  ["nothing was received", 0, undefined],
  ["too little was received", 900, undefined],
  ["no payment was known", 0, null],
] as const)("%s: the payment's event gives it all back, once", async (_, receivedCents, payment) => {
  const { succeeded, customer, purchaseId, earned } = await corrected(receivedCents, payment);
  expect(await balance(customer)).toMatchObject({ wallet: receivedCents * 100, debt: 0 });
  expect((await deliver(succeeded)).body.outcome).toBe("corrected");
  expect((await deliver({ ...succeeded, id: `${succeeded.id}_again` })).body.outcome).toBe("already_settled");
  expect(await balance(customer)).toMatchObject({ wallet: 100_000, debt: 0 });
  expect(await earned()).toBe(1_000);
  const [row] = await world.database.rows("select payment_intent from purchases where id = $1", [purchaseId]);
  expect(row).toEqual({ payment_intent: succeeded.data.object["id" as never] });
  const open = "select 1 from corrections where purchase_id = $1 and undone_at is null";
  expect(await world.database.rows(open, [purchaseId])).toEqual([]);
  await booksBalance(world);
});

test("another amount comes: the credit follows it", async () => {
  const { succeeded, customer, earned } = await corrected(0);
  const object = { ...succeeded.data.object, amount_received: 800 };
  const event = { ...succeeded, id: `${succeeded.id}_less`, data: { object } };
  expect((await deliver(event)).body.outcome).toBe("corrected");
  expect(await balance(customer)).toMatchObject({ wallet: 80_000, debt: 0 });
  expect(await earned()).toBe(800);
});
