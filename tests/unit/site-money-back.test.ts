/** A purchase's page says what went back of it, and no more than that. */
import { describe, expect, test } from "vitest";
import { takenFacts, takenState, withMoneyBack } from "../../site/src/money-back.ts";
import { viewOf } from "../../site/src/timeline.ts";
import type { Happening, Purchase } from "../../site/src/wire.ts";

const purchase = (more: Partial<Purchase> = {}): Purchase => ({
  id: "pur_1",
  status: "paid",
  pack: "starter",
  usdCents: 1_000,
  bonusMillis: 0,
  totalMillis: 100_000,
  repaidMillis: 0,
  deliverTo: "wallet",
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

const refund = (usdCents: number, status = "succeeded"): Happening => ({
  ...{
    kind: "refund",
    at: "2026-11-21T10:00:00Z",
    id: `re_${usdCents}`,
    usdCents,
    millis: undefined,
    status,
  },
});
const dispute = (status: string): Happening => ({
  ...{ kind: "dispute", at: "2026-11-21T10:00:00Z", id: "du_1", usdCents: 1_000, millis: undefined, status },
});

const recall = (status: string): Happening => ({
  ...{
    kind: "recall",
    at: "2026-11-21T12:00:00Z",
    id: undefined,
    usdCents: undefined,
    millis: 50_000,
    status,
  },
});

const shown = (bought: Purchase, ...timeline: Happening[]) =>
  withMoneyBack(viewOf(bought, null), bought, timeline);

test("without refunds and disputes the view is what it was", () => {
  const before = viewOf(purchase(), null);
  const others = [
    {
      kind: "paid",
      at: "2026-11-20T10:02:00Z",
      id: undefined,
      usdCents: 1_000,
      millis: undefined,
      status: undefined,
    },
  ];
  expect(withMoneyBack(before, purchase(), others)).toEqual(before);
});

describe("refunds", () => {
  test("of everything: Refunded, once all of it has gone", () => {
    const view = shown(purchase({ burnedMillis: 100_000 }), refund(400), refund(600));
    expect(view).toMatchObject({ state: "refunded", headline: "Refunded", settled: true });
    expect(view.detail).toContain("$10.00 went back");
    expect(view.detail).toContain("100 ducats were taken back");
    expect(view.steps.slice(-2).map(({ title }) => title)).toEqual(["Refund of $4.00", "Refund of $6.00"]);
  });

  test("on its way: not said to have gone, and the page goes on looking", () => {
    const view = shown(purchase({ burnedMillis: 100_000 }), refund(1_000, "pending"));
    expect(view).toMatchObject({ headline: "Being refunded", settled: false });
    expect(view.steps.at(-1)?.mark).toBe("now");
  });

  test("that was on its way and has arrived is one, as it stands", () => {
    const view = shown(purchase({ burnedMillis: 50_000 }), refund(500, "pending"), refund(500));
    expect(view.detail).toContain("$5.00 of the price");
    expect(view.steps.filter(({ title }) => title === "Refund of $5.00")).toMatchObject([{ mark: "done" }]);
  });

  test("of a part: the headline stays, the detail says how much", () => {
    const view = shown(purchase({ burnedMillis: 50_000 }), refund(500));
    expect(view).toMatchObject({ state: "in_wallet", headline: "In your wallet" });
    expect(view.detail).toContain("$5.00");
    expect(view.detail).toContain("50 ducats");
  });

  test("what has not happened yet stays last", () => {
    const bought = purchase({ deliverTo: "venice", burnedMillis: 50_000 });
    const view = withMoneyBack(viewOf(bought, null), bought, [refund(500)]);
    expect(view.steps.map(({ title }) => title)).toEqual([
      ...["Ordered", "Paid", "On its way to Venice", "Refund of $5.00", "Arrived"],
    ]);
  });

  test.each(["failed", "canceled"])("that %s sends nothing back", (status) => {
    const view = shown(purchase(), refund(1_000, status));
    expect(view).toMatchObject({ state: "in_wallet" });
    expect(view.detail).not.toContain("$");
    expect(view.steps.at(-1)?.mark).toBe("stopped");
  });
});

describe("disputes", () => {
  test.each(["needs_response", "under_review"])("%s: held, and open", (status) => {
    const view = shown(purchase({ frozenMillis: 100_000 }), dispute(status));
    expect(view).toMatchObject({ state: "disputed", headline: "Disputed", settled: false });
    expect(view.detail).toContain("100 ducats of it are set aside");
  });

  test.each(["won", "warning_closed", "prevented", "warning_needs_response"])(
    "%s takes nothing",
    (status) => {
      expect(shown(purchase(), dispute(status))).toMatchObject({ state: "in_wallet" });
    },
  );

  test("lost: the money went back", () => {
    expect(shown(purchase({ burnedMillis: 100_000 }), dispute("lost"))).toMatchObject({ state: "refunded" });
  });
});

test("a status or a kind that is new shows nothing wrong", () => {
  const view = shown(purchase(), refund(1_000, "reconsidered"), { ...refund(1_000), kind: "transferred" });
  expect(view.steps).toEqual(viewOf(purchase(), null).steps);
});

test("an order that was never settled keeps its words, whatever was sent back", () => {
  expect(shown(purchase({ status: "review", paidAt: null }), refund(1_000))).toMatchObject({
    state: "review",
  });
});

test("the facts name what was taken, and only that", () => {
  expect(takenFacts(purchase())).toEqual([]);
  expect(takenFacts(purchase({ burnedMillis: 50_000, frozenMillis: 25_500, atRiskMillis: 1_000 }))).toEqual([
    ["Taken back", "50 ducats"],
    ["Set aside", "25.5 ducats"],
    ["Still to be set aside", "1 ducat"],
  ]);
});

describe("fetched back from Venice", () => {
  const bought = purchase({ deliverTo: "venice", burnedMillis: 50_000 });

  test("a step as it stands, and how much in all", () => {
    const view = shown(bought, refund(500), recall("failed"), recall("done"));
    expect(view.steps.filter(({ title }) => title === "Return of 50 ducats").map(({ mark }) => mark)).toEqual(
      [...["stopped", "done"]],
    );
    expect(view.detail).toContain("50 ducats were fetched back from the purse in Venice for it.");
  });

  test("said as well where all of the money went back", () => {
    const view = shown(
      purchase({ deliverTo: "venice", burnedMillis: 100_000 }),
      refund(1_000),
      recall("done"),
    );
    expect(view).toMatchObject({ headline: "Refunded" });
    expect(view.detail).toContain("50 ducats were fetched back");
  });

  test("not said before it is so", () => {
    expect(shown(bought, refund(500), recall("asked")).detail).not.toContain("fetched back");
  });
});

test.each([
  [{}, undefined],
  [{ burnedMillis: 99_000 }, undefined],
  [{ burnedMillis: 100_000 }, "money_back"],
  [{ burnedMillis: 40_000, frozenMillis: 60_000 }, "on_hold"],
  [{ frozenMillis: 60_000, atRiskMillis: 40_000 }, "on_hold"],
])("%o: %s in the list of purchases", (taken, state) => {
  expect(takenState(purchase(taken))).toBe(state);
});
