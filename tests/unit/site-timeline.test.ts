/** A purchase's page says only what is so. */
import { describe, expect, test } from "vitest";
import { goodStill } from "../../site/src/order.ts";
import { waitMs } from "../../site/src/poll.ts";
import { safePath } from "../../site/src/return-path.ts";
import { viewOf, type State } from "../../site/src/timeline.ts";
import type { Delivery, Purchase } from "../../site/src/wire.ts";

const purchase = (more: Partial<Purchase> = {}): Purchase => ({
  id: "pur_1",
  status: "paid",
  pack: "trader",
  usdCents: 10_000,
  bonusMillis: 75_000,
  totalMillis: 1_075_000,
  repaidMillis: 0,
  deliverTo: "venice",
  citizen: "AureliaM",
  lastDecline: null,
  openedAt: "2026-11-20T10:00:00Z",
  paidAt: "2026-11-20T10:02:00Z",
  paymentUrl: null,
  frozenMillis: 0,
  burnedMillis: 0,
  atRiskMillis: 0,
  ...more,
});

const delivery = (more: Partial<Delivery> = {}): Delivery => ({
  id: "dlv_1",
  status: "active",
  millis: 1_075_000,
  citizen: "AureliaM",
  purchaseId: "pur_1",
  createdAt: "2026-11-20T10:02:00Z",
  activeSince: "2026-11-20T10:03:00Z",
  concludedAt: null,
  ...more,
});

const unpaid = { paidAt: null, paymentUrl: "https://pay.example/1" };

const cases: readonly (readonly [State, Purchase, Delivery | null])[] = [
  ["awaiting_payment", purchase({ status: "open", ...unpaid }), null],
  ["processing", purchase({ status: "processing", paidAt: null }), null],
  ["expired", purchase({ status: "expired", paidAt: null }), null],
  ["failed", purchase({ status: "failed", paidAt: null }), null],
  ["review", purchase({ status: "review", paidAt: null }), null],
  ["paid", purchase(), null],
  ["in_wallet", purchase({ deliverTo: "wallet" }), null],
  ["in_wallet", purchase({ repaidMillis: 1_074_500 }), null],
  ["on_its_way", purchase(), delivery({ status: "pending", activeSince: null })],
  ["on_its_way", purchase(), delivery({ status: "planned", activeSince: null })],
  ["on_its_way", purchase(), delivery()],
  ["late", purchase(), delivery({ status: "late" })],
  ["arrived", purchase(), delivery({ status: "executed", concludedAt: "2026-11-20T11:05:00Z" })],
  ["returned", purchase(), delivery({ status: "rejected", concludedAt: "2026-11-20T11:05:00Z" })],
  ["checking", purchase(), delivery({ status: "uncertain", concludedAt: "2026-11-20T11:05:00Z" })],
];

describe("states", () => {
  test.each(cases)("%s", (state, bought, sent) => {
    const view = viewOf(bought, sent);
    expect(view.state).toBe(state);
    expect(view.headline).not.toBe("");
    expect(view.steps.filter((step) => step.mark === "now").length).toBeLessThanOrEqual(1);
  });

  test.each(cases)("%s is said to have arrived only when it is executed", (state, bought, sent) => {
    const view = viewOf(bought, sent);
    const arrived = view.steps.some((step) => step.title === "Arrived" && step.mark === "done");
    expect(arrived).toBe(sent?.status === "executed");
    expect(view.headline.includes("Arrived")).toBe(state === "arrived");
  });

  test.each(cases)("%s shows Paid as done only when it is paid", (_, bought, sent) => {
    const paid = viewOf(bought, sent).steps.some((step) => step.title === "Paid" && step.mark === "done");
    expect(paid).toBe(bought.status === "paid");
  });

  test("what still can change is not settled", () => {
    const settled = new Set(
      cases.filter(([, bought, sent]) => viewOf(bought, sent).settled).map(([state]) => state),
    );
    expect(settled).toEqual(new Set(["arrived", "in_wallet", "returned", "expired", "failed"]));
  });

  test("what repaid a debt is not said to be in the wallet", () => {
    expect(viewOf(purchase({ deliverTo: "wallet", repaidMillis: 75_000 }), null).detail).toContain(
      "1,000 ducats",
    );
    expect(viewOf(purchase({ repaidMillis: 1_075_000 }), null).detail).toBe(
      "All of it repaid what you owed.",
    );
  });

  test("only an unpaid order leads to payment", () => {
    expect(viewOf(purchase({ status: "open", ...unpaid }), null).payUrl).toBe("https://pay.example/1");
    expect(viewOf(purchase({ paymentUrl: "https://pay.example/1" }), null).payUrl).toBeNull();
  });
});

test("polling begins at 2 s, never quickens and ends at 15 s", () => {
  const waits = Array.from({ length: 60 }, (_, asked) => waitMs(asked));
  expect(waits[0]).toBe(2_000);
  expect(waits.at(-1)).toBe(15_000);
  expect(waits).toEqual(waits.toSorted((one, other) => one - other));
});

describe("an order in hand", () => {
  const now = new Date("2026-11-20T10:00:00Z");
  const order = { pack: "trader", deliverTo: "venice" } as const;
  const quote = {
    ...{ quote: "signed", citizen: "RialtoBanker", amountCents: 10_000, bonusMillis: 75_000 },
    ...{ totalMillis: 1_075_000, debtMillis: 0, expiresInSeconds: 900, discountCents: 0, limitReached: null },
    rate: { microUsdPerDucat: 100_000, asOf: "2026-11-01T00:00:00Z" },
  };
  const offer = { quote, key: "first", until: "2026-11-20T10:15:00Z" };
  const inHand = { order, offer, purchaseId: undefined, expiresAt: undefined };

  test("is gone on with while its quote holds, or its payment page lives", () => {
    expect(goodStill({ ...order }, inHand, now)).toBe(inHand);
    const opened = { ...inHand, purchaseId: "pur_1", expiresAt: "2026-11-20T11:00:00Z" };
    expect(goodStill(order, opened, new Date("2026-11-20T10:30:00Z"))).toBe(opened);
  });

  test("gives way to a new quote for another order, without a quote, and when its time is over", () => {
    expect(goodStill({ ...order, deliverTo: "wallet" }, inHand, now)).toBeUndefined();
    expect(goodStill({ amountCents: 2_500, deliverTo: "venice" }, inHand, now)).toBeUndefined();
    expect(goodStill({ ...order, promotionCode: "VENICE10" }, inHand, now)).toBeUndefined();
    expect(goodStill(order, { ...inHand, offer: undefined }, now)).toBeUndefined();
    expect(goodStill(order, inHand, new Date("2026-11-20T10:15:00Z"))).toBeUndefined();
    expect(goodStill(order, { ...inHand, expiresAt: "2026-11-20T09:59:00Z" }, now)).toBeUndefined();
    expect(goodStill(order, undefined, now)).toBeUndefined();
  });
});

test.each([
  ["/purchase/?id=pur_1", "/purchase/?id=pur_1"],
  ["/?resume=1#buy", "/?resume=1#buy"],
  [null, "/account/"],
  ["", "/account/"],
  ["https://elsewhere.example/", "/account/"],
  ["//elsewhere.example/", "/account/"],
  ["/\\elsewhere.example/", "/account/"],
  ["/\t/elsewhere.example/", "/account/"],
  ["/.//elsewhere.example/", "/account/"],
  ["javascript:alert(1)", "/account/"],
])("after signing in %j leads to %s", (next, path) => {
  expect(safePath(next, "https://cascade.example")).toBe(path);
});
