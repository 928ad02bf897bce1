/** Stripe's balance in the books, to the cent: fees and payouts are posted once, what is unknown is told and not posted. */
import { expect, test } from "vitest";
import { useWorld } from "../support/world.ts";
import { DAY, HOUR, MINUTE, useShop } from "./shop.ts";

const world = useWorld();
const shop = useShop(world);

async function runs(times: number): Promise<void> {
  for (let run = 0; run < times; run += 1) {
    shop.advance(10 * MINUTE);
    expect((await shop.run()).stopped).toBeNull();
  }
}

async function kept() {
  return await world.database.rows<{ net: string }>(
    "select coalesce(sum(net_cents), 0)::text as net from stripe_balance",
  );
}

test("fees, refunds that fail, disputes, payouts that arrive and that come back", async () => {
  const [first, refunded, disputed] = [await shop.paid(), await shop.paid(), await shop.paid()];
  for (let number = 0; number < 3; number += 1) await shop.paid();
  await runs(1);
  await shop.agrees();
  // 2.9 % and 30 cents of ten dollars.
  expect(await shop.ledger("fees")).toBe(6 * 59);

  const refund = world.stripe.refund(refunded.sessionId);
  const dispute = world.stripe.openDispute(disputed.sessionId);
  await runs(1);
  await shop.agrees();
  expect(await shop.ledger("fees")).toBe(6 * 59 + 1_500);

  world.stripe.failRefund(refund.id);
  world.stripe.decideDispute(dispute.id, "won");
  await runs(1);
  await shop.agrees();
  expect(await shop.end(refunded)).toMatchObject({ wallet: 100_000 });
  expect(await shop.end(disputed)).toMatchObject({ wallet: 100_000, frozen: 0 });

  shop.advance(3 * DAY);
  const payout = world.stripe.payOut();
  await runs(1);
  await shop.agrees();
  expect(await shop.ledger("bank")).toBe(payout.amount);
  world.stripe.settlePayout(payout.id, "fails");
  await runs(1);
  await shop.agrees();
  expect(await shop.ledger("bank")).toBe(0);
  expect(await shop.end(first)).toMatchObject({ status: "paid", credits: 1 });
  expect(await shop.openAlerts()).not.toContain("stripe_balance_unexplained");
  expect(await kept()).toEqual([{ net: String((await shop.clearing()).atStripe) }]);

  const before = await shop.written();
  await runs(2);
  expect(await shop.written()).toEqual(before);
});

test("a fee waits for its payment; the payment of a purchase that nobody has settled yet posts none", async () => {
  const bought = await shop.paid();
  shop.advance(MINUTE);
  const fees = await shop.ledger("fees");
  expect(await shop.run()).toMatchObject({ events: 0, transactions: 1, postings: 0 });
  expect(await shop.ledger("fees")).toBe(fees);
  expect(await shop.openAlerts()).not.toContain("stripe_balance_unexplained");
  await runs(1);
  expect(await shop.end(bought)).toMatchObject({ status: "paid" });
  expect(await shop.ledger("fees")).toBe(fees + 59);
  await shop.agrees();
});

test.each([
  ["of a kind that we don't know", { type: "topup", reporting_category: "topup", source: null }, 0],
  ["in another currency", { currency: "eur" }, 0],
  ["of a payment that is none of ours", {}, 2 * HOUR],
] as const)("a transaction %s is kept, told, and not posted", async (_, changes, laterMs) => {
  const bought = await shop.paid();
  await runs(1);
  const [model] = world.stripe.world.balanceTransactions.newestFirst();
  if (!model) throw new Error("no transaction");
  const foreign = world.stripe.world.balanceTransactions.add({
    ...model,
    id: `txn_foreign${String(Math.random()).slice(2)}`,
    source: "ch_foreign",
    amount: 77,
    net: 77 - model.fee,
    created: Math.floor(shop.clock.now.getTime() / 1000),
    ...changes,
  });
  const before = await shop.clearing();
  shop.advance(laterMs);
  await runs(1);
  expect((await shop.clearing()).books).toBe(before.books);
  expect(await shop.openAlerts()).toContain("stripe_balance_unexplained");
  const [row] = await world.database.rows(
    "select amount_cents::int, posted_at from stripe_balance where id = $1",
    [foreign.id],
  );
  expect(row).toEqual({ amount_cents: 77, posted_at: null });
  expect(await shop.end(bought)).toMatchObject({ status: "paid" });
  // As a person would, once it is explained.
  await world.database.rows("update stripe_balance set posted_at = now() where id = $1", [foreign.id]);
  await runs(1);
  expect(await shop.openAlerts()).not.toContain("stripe_balance_unexplained");
});

test("an hourly charge of Stripe's own is a fee", async () => {
  const [model] = world.stripe.world.balanceTransactions.newestFirst();
  if (!model) throw new Error("no transaction");
  const fees = await shop.ledger("fees");
  world.stripe.world.balanceTransactions.add({
    ...model,
    ...{ id: "txn_radar", type: "stripe_fee", reporting_category: "fee", source: null },
    ...{ amount: -250, fee: 0, net: -250, currency: "usd", fee_details: [] },
    created: Math.floor(shop.clock.now.getTime() / 1000),
  });
  await runs(1);
  expect(await shop.ledger("fees")).toBe(fees + 250);
});
