/** What the comparison finds in given figures: what may be under way is no finding, and a row counts as far as the purse does. */
import { describe, expect, test } from "vitest";
import { cents, millis } from "../../lib/money.ts";
import type { BookedDelivery, BookedPurchase, Books } from "../../lib/reconcile/books.ts";
import { deliveriesIn, judgeDeliveries } from "../../lib/reconcile/judge-deliveries.ts";
import { judgePayments, type AtStripe } from "../../lib/reconcile/judge-payments.ts";
import type { SeenRow } from "../../lib/venice/port.ts";

const now = new Date("2026-11-20T12:00:00Z");
const since = new Date("2026-11-13T12:00:00Z");
const minutesAgo = (count: number) => Math.floor(now.getTime() / 1_000) - count * 60;

const purchase: BookedPurchase = {
  ...{ id: "pur_1", isCredited: true, payment: "pi_1", currency: "usd", livemode: false, isForVenice: false },
  ...{ amountCents: cents(1_000n), bookedCents: cents(1_000n), openedAt: "2026-11-20T11:00:00Z" },
  ...{ undeliveredMillis: millis(100_000n), isDisputed: false },
  ...{ burnedMillis: millis(0n), burnDueMillis: millis(0n) },
  ...{ setAsideMillis: millis(0n), setAsideDueMillis: millis(0n) },
};
const delivery: BookedDelivery = {
  ...{ id: `dlv_${"a".repeat(20)}`, purchaseId: "pur_1", millis: millis(100_000n), status: "executed" },
  ...{ recordId: "rec1", isAlerted: false },
};
const empty: Books = {
  ...{
    purchases: [],
    deliveries: [],
    refunds: [],
    disputes: [],
    askedRefunds: [],
    setAside: [],
    writtenOff: [],
  },
  ...{ told: [], reserve: null },
};
const payment = {
  ...{
    id: "pi_1",
    created: minutesAgo(60),
    paidAt: minutesAgo(60),
    purchaseId: "pur_1",
    status: "succeeded",
  },
  ...{ receivedCents: 1_000, currency: "usd", livemode: false, object: {} },
};
const nothing: AtStripe = {
  ...{ payments: [], sessions: [], refunds: [], disputes: [], changedLately: new Set(), livemode: false },
};

const paymentsOf = (stripe: Partial<AtStripe>, books: Partial<Books>) =>
  judgePayments({ ...nothing, ...stripe }, { ...empty, ...books }, since, now).map(({ id }) => id);

describe("payments", () => {
  const draft = { ...purchase, isCredited: false, payment: null };
  test.each([
    ["credited", {}, purchase, {}, []],
    ["fourteen minutes old", { paidAt: minutesAgo(14) }, draft, {}, []],
    ["sixteen minutes old", { paidAt: minutesAgo(16) }, draft, {}, ["paid-not-credited:pi_1"]],
    [
      "a debit begun days ago that came just now",
      { created: minutesAgo(6_000), paidAt: minutesAgo(2) },
      draft,
      {},
      [],
    ],
    ["not paid yet", { paidAt: null, status: "processing", receivedCents: 0 }, draft, {}, []],
    ["set aside", {}, draft, { setAside: [{ payment: "pi_1", purchaseId: "pur_1" }] }, []],
    ["nobody's", { purchaseId: "pur_other", id: "pi_9" }, draft, {}, []],
    ["of the other mode", { livemode: true }, draft, {}, []],
    ["of another currency", { currency: "eur" }, draft, {}, ["amount-mismatch:pi_1"]],
    ["credited, and paid less", { receivedCents: 999 }, purchase, {}, ["amount-mismatch:pi_1"]],
    [
      "credited by another payment",
      {},
      { ...purchase, payment: "pi_2", bookedCents: cents(0n) },
      {},
      ["paid-not-credited:pi_1"],
    ],
    [
      "credited, and canceled",
      { status: "canceled", paidAt: null },
      purchase,
      {},
      ["credited-not-paid:pur_1"],
    ],
  ])("%s", (_, at, booked, books, expected) => {
    expect(paymentsOf({ payments: [{ ...payment, ...at }] }, { purchases: [booked], ...books })).toEqual(
      expected,
    );
  });

  const refund = { id: "re_1", created: minutesAgo(60), payment: "pi_1", amountCents: 500, requestId: null };
  const booked = {
    ...{ id: "re_1", payment: "pi_1", status: "succeeded", amountCents: cents(500n) },
    createdAt: "2026-11-20T11:00:00.000Z",
  };
  const found = ["refunded-not-reversed:pi_1"];
  test.each([
    ["known", { status: "succeeded" }, { refunds: [booked] }, []],
    [
      "known to be on its way",
      { status: "succeeded" },
      { refunds: [{ ...booked, status: "pending" }] },
      found,
    ],
    [
      "of another amount",
      { status: "succeeded" },
      { refunds: [{ ...booked, amountCents: cents(400n) }] },
      found,
    ],
    ["unknown", { status: "succeeded" }, {}, ["refunded-not-reversed:pi_1"]],
    ["unknown, and young", { status: "pending", created: minutesAgo(3) }, {}, []],
    ["unknown, and failed", { status: "failed" }, {}, []],
    ["failed, which the books don't know", { status: "failed" }, { refunds: [booked] }, found],
    [
      "asked for by us a moment ago",
      { status: "pending", requestId: "rfd_1" },
      { askedRefunds: ["rfd_1"] },
      [],
    ],
    ["of a payment that is not ours", { status: "succeeded", payment: "pi_9" }, {}, []],
  ])("a refund that is %s", (_, at, books, expected) => {
    const stripe = { payments: [payment], refunds: [{ ...refund, ...at }] };
    expect(paymentsOf(stripe, { purchases: [purchase], ...books })).toEqual(expected);
    expect(
      paymentsOf({ ...stripe, changedLately: new Set(["re_1"]) }, { purchases: [purchase], ...books }),
    ).toEqual([]);
  });

  test.each([
    ["of the time", booked, found],
    ["of before", { ...booked, createdAt: "2026-11-01T12:00:00.000Z" }, []],
    ["that failed", { ...booked, status: "failed" }, []],
  ])("a refund %s that Stripe does not have", (_, refunds, expected) => {
    const books = { purchases: [purchase], refunds: [refunds] };
    expect(paymentsOf({ payments: [payment] }, books)).toEqual(expected);
  });

  test("ducats that are set aside for nothing", () => {
    const frozen = { ...purchase, setAsideMillis: millis(100n) };
    expect(paymentsOf({ payments: [payment] }, { purchases: [frozen] })).toEqual(found);
  });
});

const row: SeenRow = {
  ...{ recordId: "rec2", stratagemId: `${delivery.id}-1`, type: "transfer_ducats", status: "executed" },
  ...{ executedBy: "CASCADE_PAYMENT_PROCESSOR", targetCitizen: "Citizen", executedAt: null, expiresAt: null },
  notes: '{"amount":100}\n[2026-11-20 12:00] Successfully transferred 100.0 ducats from A to B.',
  updatedAt: "2026-11-20T12:00:00.000Z",
};

/** `missing`: so much less than the books explain. */
function inVenice(missing: number, rows: readonly SeenRow[], books: Partial<Books> = {}, left = 0, come = 0) {
  const reserve = {
    ...{ version: 1, explainedMillis: millis(1_000_000n) },
    ...{ mayHaveLeftMillis: millis(BigInt(left)), mayHaveComeMillis: millis(BigInt(come)) },
  };
  return judgeDeliveries(
    { ...empty, deliveries: [delivery], reserve, ...books },
    { rows, purseMillis: millis(1_000_000n - BigInt(missing)) },
  ).map(({ id }) => id);
}

describe("the purse", () => {
  test.each([
    ["as explained", 0, [], 0, 0, []],
    ["short of what is under way", 100_000, [], 100_000, 0, []],
    ["short of more than is under way", 100_001, [], 100_000, 0, ["purse-moved-unexplained:1"]],
    ["more by a top-up under way", -500_000, [], 0, 500_000, []],
    ["more than that", -500_002, [], 0, 500_000, ["purse-moved-unexplained:-2"]],
    ["as explained, beside a second row", 0, [row], 0, 0, []],
    ["short by a second row", 100_000, [row], 0, 0, ["delivered-twice:rec2"]],
    ["short by less than a second row says", 60_000, [row], 0, 0, ["purse-moved-unexplained:60000"]],
    ["short by more", 130_000, [row], 0, 0, ["delivered-twice:rec2", "purse-moved-unexplained:30000"]],
    ["short by a second row that may be a delivery under way", 100_000, [row], 100_000, 0, []],
  ])("%s", (_, missing, rows, left, come, expected) => {
    expect(inVenice(missing, rows, {}, left, come)).toEqual(expected);
  });

  test("a row that is written off, of a delivery that is under way, or of two, claims nothing", () => {
    const unexplained = ["purse-moved-unexplained:100000"];
    expect(inVenice(100_000, [row], { writtenOff: ["rec2"] })).toEqual(unexplained);
    expect(inVenice(100_000, [row], { deliveries: [{ ...delivery, status: "active" }] })).toEqual(
      unexplained,
    );
    const both = { ...row, notes: `dlv_${"b".repeat(20)} ${row.notes}` };
    expect(deliveriesIn(both)).toHaveLength(2);
    expect(inVenice(100_000, [both])).toEqual(unexplained);
  });

  test("a row that we voided still says what it had paid before", () => {
    const voided = { ...row, notes: JSON.stringify({ amount: 0, voided: true, before: row.notes }) };
    expect(inVenice(100_000, [voided])).toEqual(["delivered-twice:rec2"]);
  });
});
