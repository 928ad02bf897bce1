/** The stand-in's money: balance transactions, the balance they add up to, and payouts. */
import { expect, test } from "vitest";
import { control, holds, paid, pay, refusal } from "./stripe-shop.ts";

const noon = () => new Date("2026-11-20T12:00:00Z");
const DAY_MS = 24 * 60 * 60 * 1000;

test("a charge is booked a moment after it succeeded, with Stripe's fee", async () => {
  const { stripe, standIn, charge } = await paid({}, { now: noon });
  const snapshots = standIn.events
    .since()
    .filter(({ type }) => type.startsWith("charge."))
    .map(({ type, data }) => [type, data.object["balance_transaction"], data.previous_attributes]);
  const [row] = (await stripe.balanceTransactions.list({ source: charge })).data;
  expect(snapshots).toEqual([
    ["charge.succeeded", null, undefined],
    ["charge.updated", row?.id, { balance_transaction: null }],
  ]);
  expect(row).toMatchObject({
    object: "balance_transaction",
    type: "charge",
    reporting_category: "charge",
    amount: 9_900,
    fee: 317,
    net: 9_583,
    currency: "usd",
    status: "pending",
    source: charge,
    fee_details: [
      {
        amount: 317,
        application: null,
        currency: "usd",
        description: "Stripe processing fees",
        type: "stripe_fee",
      },
    ],
  });
  expect(new Date((row?.available_on ?? 0) * 1000).toISOString()).toBe("2026-11-22T00:00:00.000Z");
  await holds(stripe, standIn);
});

test("filters by time, currency and type; one that is not there is refused", async () => {
  const { stripe, standIn, charge } = await paid({}, { now: noon });
  standIn.clock.advance(1_000);
  standIn.refund(charge, { amount: 100 });
  const types = async (params: object) =>
    (await stripe.balanceTransactions.list(params)).data.map(({ type }) => type);
  expect(await types({})).toEqual(["refund", "charge"]);
  expect(await types({ type: "refund" })).toEqual(["refund"]);
  expect(await types({ type: "bogus" })).toEqual([]);
  expect(await types({ currency: "eur" })).toEqual([]);
  expect(await types({ created: { gt: noon().getTime() / 1000 } })).toEqual(["refund"]);
  expect(await refusal(stripe.balanceTransactions.retrieve("txn_no"))).toMatchObject({
    message: "No such balance transaction: 'txn_no'",
    param: "id",
    statusCode: 404,
  });
  expect(await refusal(stripe.balanceTransactions.list({ payout: "po_no" }))).toMatchObject({
    message: "No such payout: 'po_no'",
    param: "payout",
    statusCode: 400,
  });
});

test("a payout carries all that is available, and its transactions are listed by it", async () => {
  const { stripe, standIn, charge } = await paid({}, { now: noon });
  standIn.refund(charge, { amount: 1_000 });
  const dispute = standIn.openDispute(charge, { amount: 2_000 });
  expect(() => standIn.payOut()).toThrow("Nothing can be paid out: 0 usd are available");
  standIn.clock.advance(2 * DAY_MS);
  const later = await pay({ standIn, stripe });
  const net = 9_900 - 317 - 1_000 - 3_500;
  const payout = standIn.payOut();
  expect(payout).toMatchObject({
    object: "payout",
    amount: net,
    automatic: true,
    status: "in_transit",
    currency: "usd",
  });
  const carried: string[] = [];
  for await (const { type } of stripe.balanceTransactions.list({ payout: payout.id })) carried.push(type);
  expect(carried).toEqual(["payout", "adjustment", "refund", "charge"]);
  expect(await stripe.balance.retrieve()).toMatchObject({
    available: [{ amount: 0 }],
    pending: [{ amount: 9_583 }],
  });
  expect(() => standIn.payOut()).toThrow("Nothing can be paid out");
  // What happens after the payout goes into the next one, also when it takes away.
  standIn.decideDispute(dispute.id, "won");
  standIn.clock.advance(2 * DAY_MS);
  expect(standIn.payOut().amount).toBe(9_583 + 2_000);
  expect((await stripe.balanceTransactions.list({ source: later.charge })).data).toHaveLength(1);
  await holds(stripe, standIn);
});

test("a payout arrives on its day, or fails and its money comes back", async () => {
  const { stripe, standIn } = await paid({}, { now: noon });
  standIn.clock.advance(2 * DAY_MS);
  const first = standIn.payOut();
  const mark = standIn.events.mark();
  standIn.settlePayout(first.id, "fails");
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "payout.updated",
    "payout.failed",
    "payout.reconciliation_completed",
  ]);
  const failed = await stripe.payouts.retrieve(first.id, { expand: ["failure_balance_transaction"] });
  expect(failed).toMatchObject({
    status: "failed",
    failure_code: "account_closed",
    failure_balance_transaction: { type: "payout_failure", net: 9_583 },
  });
  expect(() => standIn.settlePayout(first.id, "arrives")).toThrow("is failed, not in_transit");

  const second = standIn.payOut();
  expect(second.amount).toBe(9_583);
  expect((await stripe.payouts.list({ status: "in_transit" })).data.map(({ id }) => id)).toEqual([second.id]);
  standIn.clock.advance(2 * DAY_MS);
  const arrived = await stripe.payouts.retrieve(second.id, { expand: ["balance_transaction"] });
  expect(arrived).toMatchObject({
    status: "paid",
    reconciliation_status: "completed",
    balance_transaction: { type: "payout", net: -9_583, fee: 0, source: second.id },
  });
  expect(
    standIn.events
      .since()
      .slice(-3)
      .map(({ type }) => type),
  ).toEqual(["payout.updated", "payout.paid", "payout.reconciliation_completed"]);
  expect((await stripe.payouts.list()).data.map(({ id }) => id)).toEqual([second.id, first.id]);
  expect(await refusal(stripe.payouts.retrieve("po_no"))).toMatchObject({ param: "payout", statusCode: 404 });
  await holds(stripe, standIn);
});

test("the whole life of several payments leaves a balance that is the sum of its transactions", async () => {
  const { stripe, standIn } = await paid({}, { now: noon });
  const [won, lost, refunded, failed] = [
    await pay({ standIn, stripe }),
    await pay({ standIn, stripe }, { card: "4000000000000259" }),
    await pay({ standIn, stripe }),
    await pay({ standIn, stripe }, { card: "4000000000005126" }),
  ];
  standIn.decideDispute(standIn.openDispute(won.charge).id, "won");
  const [dispute] = (await stripe.disputes.list({ charge: lost.charge })).data;
  standIn.decideDispute(dispute?.id ?? "", "lost");
  standIn.refund(refunded.charge);
  standIn.refund(failed.charge, { amount: 5_000 });
  standIn.clock.advance(3 * DAY_MS);
  await stripe.balance.retrieve();
  const kept = 5 * 9_583 - 1_500 - 11_400 - 9_900;
  expect((await stripe.balance.retrieve()).available[0]?.amount).toBe(kept - 5_000);
  standIn.clock.advance(2 * DAY_MS);
  expect(standIn.payOut().amount).toBe(kept);
  await holds(stripe, standIn);
});

test("control routes pay out and settle", async () => {
  const { standIn } = await paid({}, { now: noon });
  expect((await control(standIn, "/payouts")).status).toBe(409);
  await control(standIn, "/clock/advance", { ms: 2 * DAY_MS });
  const made = await control(standIn, "/payouts");
  const { id } = (await made.json()) as { id: string };
  expect((await control(standIn, `/payouts/${id}/settle`, { how: "arrives" })).status).toBe(200);
  expect(standIn.world.payouts.get(id)?.status).toBe("paid");
});
