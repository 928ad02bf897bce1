/** Refunds at the stand-in after they were asked for: pending, arrived, failed, canceled, from the dashboard. */
import { expect, test } from "vitest";
import { control, holds, paid, refusal } from "./stripe-shop.ts";

const SUCCEEDS_LATER = "4000000000007726";
const FAILS_LATER = "4000000000005126";

test("a refund keeps Stripe's fee and is booked against the charge", async () => {
  const { stripe, standIn, charge } = await paid();
  const refund = await stripe.refunds.create({ charge, amount: 4_000, expand: ["balance_transaction"] });
  expect(refund.balance_transaction).toMatchObject({
    type: "refund",
    reporting_category: "refund",
    amount: -4_000,
    fee: 0,
    net: -4_000,
    source: refund.id,
    description: "REFUND FOR CHARGE",
  });
  expect((await stripe.balanceTransactions.list({ source: refund.id })).data).toHaveLength(1);
  await holds(stripe, standIn);
});

test("from the dashboard: no request has caused its events, and it is refused alike", async () => {
  const { stripe, standIn, sessionId, intent, charge } = await paid();
  const mark = standIn.events.mark();
  const refund = standIn.refund(sessionId, {
    amount: 1_000,
    reason: "requested_by_customer",
    metadata: { by: "operator" },
  });
  expect(standIn.events.since(mark).map(({ type, request }) => [type, request.id])).toEqual([
    ["refund.created", null],
    ["charge.refunded", null],
  ]);
  expect(await stripe.refunds.retrieve(refund.id)).toMatchObject({
    payment_intent: intent,
    metadata: { by: "operator" },
    reason: "requested_by_customer",
  });
  expect(() => standIn.refund(intent, { amount: 8_901 })).toThrow(
    "Refund amount ($89.01) is greater than unrefunded amount on charge ($89.00)",
  );
  standIn.refund(charge);
  expect(() => standIn.refund(charge)).toThrow("has already been refunded");
  await holds(stripe, standIn);
});

test("a pending refund counts against what is left, moves no money yet, and arrives", async () => {
  const { stripe, standIn, charge } = await paid({ card: SUCCEEDS_LATER });
  const { id } = await stripe.refunds.create({ charge, amount: 6_000 });
  expect(await stripe.refunds.retrieve(id)).toMatchObject({
    status: "pending",
    pending_reason: "processing",
    balance_transaction: null,
  });
  expect((await refusal(stripe.refunds.create({ charge, amount: 4_000 }))).message).toContain(
    "greater than unrefunded amount on charge ($39.00)",
  );
  const mark = standIn.events.mark();
  standIn.succeedRefund(id);
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "refund.updated",
    "charge.refund.updated",
  ]);
  expect(standIn.events.since(mark)[0]?.data.previous_attributes).toMatchObject({
    status: "pending",
    balance_transaction: null,
  });
  const arrived = await stripe.refunds.retrieve(id, { expand: ["balance_transaction"] });
  expect(arrived).toMatchObject({ status: "succeeded", balance_transaction: { net: -6_000 } });
  expect(arrived.pending_reason).toBeUndefined();
  expect(() => standIn.succeedRefund(id)).toThrow("not pending");
  await holds(stripe, standIn);
});

test("a refund that seemed to have succeeded fails: the money comes back and the charge is owed it again", async () => {
  const { stripe, standIn, charge } = await paid();
  const { id } = await stripe.refunds.create({ charge });
  expect((await stripe.charges.retrieve(charge)).refunded).toBe(true);
  const mark = standIn.events.mark();
  standIn.failRefund(id, "lost_or_stolen_card");
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "refund.updated",
    "charge.refund.updated",
    "refund.failed",
  ]);
  const failed = await stripe.refunds.retrieve(id, { expand: ["failure_balance_transaction"] });
  expect(failed).toMatchObject({
    status: "failed",
    failure_reason: "lost_or_stolen_card",
    failure_balance_transaction: {
      type: "refund_failure",
      reporting_category: "refund_failure",
      net: 9_900,
      source: id,
    },
  });
  expect(await stripe.charges.retrieve(charge)).toMatchObject({ refunded: false, amount_refunded: 0 });
  expect(() => standIn.failRefund(id)).toThrow("it has ended");
  expect((await stripe.refunds.create({ charge })).amount).toBe(9_900);
  await holds(stripe, standIn);
});

test.each([
  [SUCCEEDS_LATER, "pending", "succeeded"],
  [FAILS_LATER, "succeeded", "failed"],
])("the refund to card %s is %s, and after a minute %s", async (card, first, then) => {
  const { stripe, standIn, charge } = await paid({ card }, { now: () => new Date("2026-11-20T12:00:00Z") });
  const { id } = await stripe.refunds.create({ charge, amount: 500 });
  standIn.clock.advance(59_000);
  expect((await stripe.refunds.retrieve(id)).status).toBe(first);
  standIn.clock.advance(1_000);
  expect((await stripe.refunds.retrieve(id)).status).toBe(then);
  expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(then === "failed" ? 0 : 500);
  await holds(stripe, standIn);
});

test("a refund of a bank debit is pending until the bank says so, or fails", async () => {
  const { stripe, standIn, sessionId, charge } = await paid({ bankDebit: true });
  standIn.settleDebit(sessionId, "succeeds");
  const good = await stripe.refunds.create({ charge, amount: 1_000 });
  const bad = await stripe.refunds.create({ charge, amount: 2_000 });
  expect([good.status, bad.status]).toEqual(["pending", "pending"]);
  standIn.succeedRefund(good.id);
  standIn.failRefund(bad.id, "declined");
  const [row] = (await stripe.balanceTransactions.list({ source: good.id })).data;
  expect(row).toMatchObject({ type: "payment_refund", reporting_category: "refund", net: -1_000 });
  expect((await stripe.balanceTransactions.list({ source: bad.id })).data).toEqual([]);
  expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(1_000);
  await holds(stripe, standIn);
});

test("only the dashboard cancels a refund: to a card, within half an hour", async () => {
  const { stripe, standIn, charge } = await paid();
  const { id } = await stripe.refunds.create({ charge, amount: 3_000 });
  expect(await refusal(stripe.refunds.cancel(id))).toMatchObject({
    message: "Canceling this refund is unsupported.",
    statusCode: 400,
  });
  expect(await refusal(stripe.refunds.cancel("re_no"))).toMatchObject({ statusCode: 404, param: "refund" });
  standIn.cancelRefund(id);
  expect(await stripe.refunds.retrieve(id)).toMatchObject({
    status: "canceled",
    failure_reason: "merchant_request",
  });
  expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(0);
  const late = await stripe.refunds.create({ charge, amount: 3_000 });
  standIn.clock.advance(31 * 60_000);
  expect(() => standIn.cancelRefund(late.id)).toThrow("older than half an hour");
  await holds(stripe, standIn);
  const debit = await paid({ bankDebit: true });
  debit.standIn.settleDebit(debit.sessionId, "succeeds");
  const toBank = debit.standIn.refund(debit.charge);
  expect(() => debit.standIn.cancelRefund(toBank.id)).toThrow("goes to no card");
});

test("the same key makes one refund, however often it is asked for", async () => {
  const { stripe, charge } = await paid();
  const ask = () => stripe.refunds.create({ charge, amount: 2_000 }, { idempotencyKey: "refund-1" });
  const made = [await ask(), await ask(), await ask()];
  expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(2_000);
});

test("control routes refund, settle and cancel", async () => {
  const { stripe, standIn, charge, intent } = await paid({ card: SUCCEEDS_LATER });
  const refund = async (amount: number) => {
    const made = await control(standIn, `/payments/${intent}/refund`, { amount });
    return ((await made.json()) as { id: string }).id;
  };
  const [first, second, third] = [await refund(100), await refund(200), await refund(300)];
  expect((await control(standIn, `/refunds/${first}/succeed`)).status).toBe(200);
  expect((await control(standIn, `/refunds/${second}/fail`, { reason: "declined" })).status).toBe(200);
  expect((await control(standIn, `/refunds/${third}/cancel`)).status).toBe(200);
  expect((await control(standIn, `/refunds/${third}/cancel`)).status).toBe(409);
  expect((await control(standIn, `/payments/${intent}/refund`, { amount: 9_900 })).status).toBe(409);
  const { data } = await stripe.refunds.list({ charge });
  expect(data.map(({ status }) => status)).toEqual(["canceled", "failed", "succeeded"]);
});
