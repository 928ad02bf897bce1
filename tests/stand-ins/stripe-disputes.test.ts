/** Disputes at the stand-in: opened by the bank, answered, decided, and what they do to the money. */
import { expect, test } from "vitest";
import { control, holds, paid, refusal, start } from "./stripe-shop.ts";

const FRAUD = "4000000000000259";
const INQUIRY = "4000000000001976";

test("the disputing card opens a chargeback before the PaymentIntent is known to have succeeded", async () => {
  const { stripe, standIn, charge, intent, types } = await paid({ card: FRAUD });
  expect(types()).toEqual([
    "payment_intent.created",
    "charge.succeeded",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "payment_intent.succeeded",
    "checkout.session.completed",
    "charge.updated",
  ]);
  const [dispute] = (await stripe.disputes.list({ charge })).data;
  expect(dispute).toMatchObject({
    object: "dispute",
    status: "needs_response",
    reason: "fraudulent",
    amount: 9_900,
    currency: "usd",
    charge,
    payment_intent: intent,
    is_charge_refundable: false,
    payment_method_details: { type: "card", card: { case_type: "chargeback", network_reason_code: "10.4" } },
    evidence_details: { has_evidence: false, submission_count: 0, submission_method: "not_submitted" },
    balance_transactions: [
      {
        type: "adjustment",
        reporting_category: "dispute",
        amount: -9_900,
        fee: 1_500,
        net: -11_400,
        source: dispute?.id,
        description: `Chargeback withdrawal for ${charge}`,
        fee_details: [{ amount: 1_500, description: "Dispute fee", type: "stripe_fee" }],
      },
    ],
  });
  expect(dispute?.id).toMatch(/^du_/);
  expect((await stripe.charges.retrieve(charge)).disputed).toBe(true);
  await holds(stripe, standIn);
});

test("lists by PaymentIntent and charge, refuses one that is not there", async () => {
  const { stripe, standIn, intent } = await paid({ card: FRAUD });
  const dispute = standIn.world.disputes.newestFirst()[0];
  expect((await stripe.disputes.list({ payment_intent: intent })).data.map(({ id }) => id)).toEqual([
    dispute?.id,
  ]);
  expect((await stripe.disputes.list({ payment_intent: "pi_other" })).data).toEqual([]);
  expect((await stripe.disputes.list({ charge: "ch_other" })).data).toEqual([]);
  expect(await refusal(stripe.disputes.retrieve("du_no"))).toMatchObject({
    message: "No such dispute: 'du_no'",
    statusCode: 404,
    param: "dispute",
  });
  const [row] = dispute?.balance_transactions ?? [];
  const expanded = await stripe.balanceTransactions.retrieve(row?.id ?? "", { expand: ["source"] });
  expect(expanded.source).toMatchObject({ object: "dispute", id: dispute?.id });
  // Stripe answers nothing here, though the transaction's own field names the dispute.
  expect((await stripe.balanceTransactions.list({ source: dispute?.id ?? "" })).data).toEqual([]);
});

test("the evidence is due at the end of the eighth day after", async () => {
  const { standIn, charge } = await paid({}, { now: () => new Date("2026-11-20T12:00:00Z") });
  const dispute = standIn.openDispute(charge);
  expect(new Date((dispute.evidence_details.due_by ?? 0) * 1000).toISOString()).toBe(
    "2026-11-28T23:59:59.000Z",
  );
});

test("won: the amount comes back, the fee does not, and the charge can be refunded again", async () => {
  const { stripe, standIn, charge } = await paid();
  const { id } = standIn.openDispute(charge, { reason: "product_not_received" });
  const mark = standIn.events.mark();
  standIn.decideDispute(id, "won");
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
  ]);
  const dispute = await stripe.disputes.retrieve(id);
  expect(dispute).toMatchObject({ status: "won", is_charge_refundable: true });
  expect(
    dispute.balance_transactions.map(({ net, reporting_category: category }) => [category, net]),
  ).toEqual([
    ["dispute", -11_400],
    ["dispute_reversal", 9_900],
  ]);
  expect((await stripe.charges.retrieve(charge)).disputed).toBe(true);
  expect((await stripe.refunds.create({ charge, amount: 100 })).status).toBe("succeeded");
  await holds(stripe, standIn);
});

test("lost: nothing comes back, and nothing can be refunded", async () => {
  const { stripe, standIn, charge } = await paid();
  const { id } = standIn.openDispute(charge);
  standIn.decideDispute(id, "lost");
  expect(await stripe.disputes.retrieve(id)).toMatchObject({
    status: "lost",
    balance_transactions: [{ net: -11_400 }],
  });
  expect(standIn.events.since().at(-1)).toMatchObject({ type: "charge.dispute.closed" });
  expect(await refusal(stripe.refunds.create({ charge, amount: 1 }))).toMatchObject({
    code: "charge_disputed",
    message: `Charge ${charge} has been charged back; cannot issue a refund.`,
    statusCode: 400,
  });
  expect(() => standIn.decideDispute(id, "won")).toThrow("is lost: it cannot become won");
  await holds(stripe, standIn);
});

test("a partial dispute leaves the rest to be refunded, and not a cent more", async () => {
  const { stripe, standIn, charge } = await paid();
  const dispute = standIn.openDispute(charge, { amount: 4_000 });
  expect(dispute).toMatchObject({ amount: 4_000, is_charge_refundable: true });
  expect(await refusal(stripe.refunds.create({ charge }))).toMatchObject({ code: "charge_disputed" });
  expect(await refusal(stripe.refunds.create({ charge, amount: 5_901 }))).toMatchObject({
    code: "charge_disputed",
  });
  expect((await stripe.refunds.create({ charge, amount: 5_900 })).status).toBe("succeeded");
  expect(await refusal(stripe.refunds.create({ charge, amount: 1 }))).toMatchObject({
    code: "charge_disputed",
  });
  standIn.decideDispute(dispute.id, "won");
  expect((await stripe.refunds.create({ charge })).amount).toBe(4_000);
  expect((await stripe.charges.retrieve(charge)).refunded).toBe(true);
  await holds(stripe, standIn);
});

test("a bank may take the whole amount of which a part was refunded before, by default only the rest", async () => {
  const { standIn, charge, stripe } = await paid();
  standIn.refund(charge, { amount: 1_000 });
  expect(standIn.openDispute(charge).amount).toBe(8_900);
  const other = await paid();
  other.standIn.refund(other.charge, { amount: 1_000 });
  expect(other.standIn.openDispute(other.charge, { amount: 9_900 })).toMatchObject({
    amount: 9_900,
    is_charge_refundable: false,
  });
  await holds(stripe, standIn);
  await holds(other.stripe, other.standIn);
});

test("no dispute of what is fully refunded, not paid by card, not paid, or of more than was paid", async () => {
  const { standIn, charge } = await paid();
  expect(() => standIn.openDispute(charge, { amount: 9_901 })).toThrow("is not between 1 and the 9900");
  standIn.refund(charge);
  expect(() => standIn.openDispute(charge)).toThrow("fully refunded");
  const debit = await paid({ bankDebit: true });
  debit.standIn.settleDebit(debit.sessionId, "succeeds");
  expect(() => debit.standIn.openDispute(debit.charge)).toThrow("no card payment");
  const declined = await start();
  expect(() => declined.standIn.openDispute("pi_no")).toThrow("No charge is known by pi_no");
});

test("a refund on its way fails when the bank takes the money", async () => {
  const { stripe, standIn, charge } = await paid({ card: "4000000000007726" });
  const refund = await stripe.refunds.create({ charge, amount: 1_000 });
  standIn.openDispute(charge, { amount: 9_900 });
  expect(await stripe.refunds.retrieve(refund.id)).toMatchObject({
    status: "failed",
    failure_reason: "charge_for_pending_refund_disputed",
  });
  expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(0);
  await holds(stripe, standIn);
});

test("an inquiry moves no money and blocks no refund until it becomes a chargeback", async () => {
  const { stripe, standIn, charge, types } = await paid({ card: INQUIRY });
  expect(types()).not.toContain("charge.dispute.funds_withdrawn");
  const [dispute] = (await stripe.disputes.list()).data;
  expect(dispute).toMatchObject({
    status: "warning_needs_response",
    is_charge_refundable: true,
    balance_transactions: [],
    payment_method_details: { card: { case_type: "inquiry" } },
  });
  expect((await stripe.refunds.create({ charge, amount: 100 })).status).toBe("succeeded");
  expect((await stripe.balanceTransactions.list({ type: "adjustment" })).data).toEqual([]);
  const mark = standIn.events.mark();
  const id = dispute?.id ?? "";
  standIn.escalateDispute(id);
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
  ]);
  expect(await stripe.disputes.retrieve(id)).toMatchObject({
    status: "needs_response",
    balance_transactions: [{ amount: -9_900, fee: 1_500 }],
  });
  expect(() => standIn.escalateDispute(id)).toThrow("no inquiry");
  await holds(stripe, standIn);
});

test.each(["warning_closed", "prevented"] as const)(
  "an inquiry ends as %s without money",
  async (decision) => {
    const { stripe, standIn, charge } = await paid();
    const { id } = standIn.openDispute(charge, { status: "warning_needs_response" });
    expect(() => standIn.decideDispute(id, "won")).toThrow("cannot become won");
    standIn.decideDispute(id, decision);
    expect(await stripe.disputes.retrieve(id)).toMatchObject({ status: decision, balance_transactions: [] });
    expect((await stripe.refunds.create({ charge })).amount).toBe(9_900);
    await holds(stripe, standIn);
  },
);

test("a chargeback cannot be closed as an inquiry is", async () => {
  const { standIn, charge } = await paid();
  const { id } = standIn.openDispute(charge);
  expect(() => standIn.decideDispute(id, "warning_closed")).toThrow("cannot become warning_closed");
  expect(() => standIn.decideDispute(id, "prevented")).toThrow("cannot become prevented");
});

test("evidence is staged, submitted and under review; metadata alone submits nothing", async () => {
  const { stripe, standIn, charge } = await paid();
  const { id } = standIn.openDispute(charge);
  const noted = await stripe.disputes.update(id, { metadata: { case: "7" } });
  expect(noted).toMatchObject({ status: "needs_response", metadata: { case: "7" } });
  const staged = await stripe.disputes.update(id, {
    evidence: { product_description: "1,000 ducats" },
    submit: false,
  });
  expect(staged).toMatchObject({
    status: "needs_response",
    evidence: { product_description: "1,000 ducats" },
    evidence_details: { has_evidence: true, submission_count: 0 },
  });
  const mark = standIn.events.mark();
  expect(await stripe.disputes.update(id, { submit: true })).toMatchObject({
    status: "under_review",
    evidence_details: { submission_count: 1, submission_method: "manual", past_due: false },
  });
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "charge.dispute.updated",
    "charge.updated",
  ]);
  expect(await refusal(stripe.disputes.update(id, { evidence: { receipt: "file_1" } }))).toMatchObject({
    code: "stand_in_unsupported",
    param: "evidence[receipt]",
  });
  const long = await refusal(
    stripe.disputes.update(id, { evidence: { uncategorized_text: "x".repeat(150_001) } }),
  );
  expect(long.param).toBe("evidence");
  await holds(stripe, standIn);
});

test.each([
  [
    "winning_evidence",
    "won",
    ["charge.dispute.updated", "charge.updated", "charge.dispute.funds_reinstated", "charge.dispute.closed"],
  ],
  ["losing_evidence", "lost", ["charge.dispute.updated", "charge.updated", "charge.dispute.closed"]],
])("%s decides a test dispute", async (words, status, types) => {
  const { stripe, standIn, charge } = await paid();
  const { id } = standIn.openDispute(charge);
  const mark = standIn.events.mark();
  const decided = await stripe.disputes.update(id, { evidence: { uncategorized_text: words } });
  expect(decided.status).toBe(status);
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual(types);
  await holds(stripe, standIn);
});

test("escalating evidence makes an inquiry a chargeback, losing evidence closes it", async () => {
  const { stripe, standIn, charge } = await paid();
  const inquiry = standIn.openDispute(charge, { status: "warning_needs_response" });
  const escalated = await stripe.disputes.update(inquiry.id, {
    evidence: { uncategorized_text: "escalate_inquiry_evidence" },
  });
  expect(escalated).toMatchObject({ status: "needs_response", balance_transactions: [{ net: -11_400 }] });
  const other = await paid({ card: INQUIRY });
  const [dispute] = (await other.stripe.disputes.list()).data;
  const closed = await other.stripe.disputes.update(dispute?.id ?? "", {
    evidence: { uncategorized_text: "losing_evidence" },
  });
  expect(closed).toMatchObject({ status: "warning_closed", balance_transactions: [] });
  await holds(stripe, standIn);
});

test("closing accepts the loss, once", async () => {
  const { stripe, standIn, charge } = await paid();
  const { id } = standIn.openDispute(charge);
  const mark = standIn.events.mark();
  expect((await stripe.disputes.close(id)).status).toBe("lost");
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "charge.dispute.closed",
    "charge.updated",
  ]);
  for (const again of [stripe.disputes.close(id), stripe.disputes.update(id, { metadata: { a: "b" } })]) {
    expect((await refusal(again)).message).toBe("This dispute is already closed");
  }
  const inquiry = await paid({ card: INQUIRY });
  const [open] = (await inquiry.stripe.disputes.list()).data;
  expect(await refusal(inquiry.stripe.disputes.close(open?.id ?? ""))).toMatchObject({
    code: "stand_in_unsupported",
  });
});

test("control routes open and decide", async () => {
  const { stripe, standIn, intent } = await paid();
  const opened = await control(standIn, `/payments/${intent}/dispute`, {
    reason: "duplicate",
    amount: 500,
    status: "warning_needs_response",
  });
  const { id } = (await opened.json()) as { id: string };
  expect((await control(standIn, `/disputes/${id}/escalate`)).status).toBe(200);
  expect((await control(standIn, `/disputes/${id}/decide`, { decision: "warning_closed" })).status).toBe(409);
  expect((await control(standIn, `/disputes/${id}/decide`, { decision: "won" })).status).toBe(200);
  expect(await stripe.disputes.retrieve(id)).toMatchObject({
    status: "won",
    reason: "duplicate",
    amount: 500,
  });
});
