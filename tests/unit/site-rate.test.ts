/** The rate's line and words on the site: where it runs, what it says, and that a quiet week looks quiet. */
import { describe, expect, test } from "vitest";
import { printRateShort } from "../../site/src/money.ts";
import { byDay, chartOf } from "../../site/src/rate-chart.ts";
import { heldWords, movedWords } from "../../site/src/rate-words.ts";

const now = new Date("2026-11-11T00:00:00Z");
const box = { width: 100, height: 100 };
const point = (at: string, microUsdPerDucat: number) => ({ at, microUsdPerDucat });

describe("the line", () => {
  const history = [
    point("2026-11-01T00:00:00Z", 100_000),
    point("2026-11-06T00:00:00Z", 140_000),
    point("2026-11-08T12:00:00Z", 120_000),
  ];

  test("is level until the next move, ends at now and stays in its box", () => {
    const chart = chartOf(history, now, box);
    // 40,000 and 18 % of it above and below: 54,400 in a hundred pixels.
    expect(chart?.line).toBe("M0 86.8H50V13.2H75V50H100");
    expect(chart?.area).toBe("M0 86.8H50V13.2H75V50H100V100H0Z");
    expect(chart).toMatchObject({ lowest: 100_000, highest: 140_000, end: { x: 100, y: 50 } });
    expect(chart?.guides).toEqual([
      { rate: 140_000, y: 13.2 },
      { rate: 100_000, y: 86.8 },
    ]);
  });

  test("tells which rate was in force under the pointer", () => {
    const chart = chartOf(history, now, box);
    expect([0, 49.9, 50, 74, 75, 100].map((x) => chart?.read(x).microUsdPerDucat)).toEqual([
      100_000, 100_000, 140_000, 140_000, 120_000, 120_000,
    ]);
  });

  test("of a rate that never moved is level in the middle, with one guide", () => {
    const chart = chartOf([point("2026-11-01T00:00:00Z", 100_000)], now, box);
    expect(chart?.line).toBe("M0 50H100");
    expect(chart?.guides).toEqual([{ rate: 100_000, y: 50 }]);
  });

  test("of a rate that hardly moved hardly moves", () => {
    const chart = chartOf(
      [point("2026-11-01T00:00:00Z", 100_000), point("2026-11-06T00:00:00Z", 100_100)],
      now,
      box,
    );
    const [, first, second] = /^M0 ([\d.]+)H50V([\d.]+)H100$/.exec(chart?.line ?? "") ?? [];
    expect(Number(first) - Number(second)).toBeCloseTo(1.8, 1);
  });

  test("of nothing is none; a single point of this moment is one", () => {
    expect(chartOf([], now, box)).toBeUndefined();
    expect(chartOf([point(now.toISOString(), 100_000)], now, box)?.line).toBe("M0 50H100");
  });
});

test("the table has each day's last rate, the newest day first", () => {
  const day = (at: string) => at.slice(0, 10);
  const last = point("2026-11-03T10:00:00Z", 103);
  const rows = byDay([point("2026-11-01T00:00:00Z", 100), point("2026-11-03T09:00:00Z", 102), last], day);
  expect(rows).toEqual([last, point("2026-11-01T00:00:00Z", 100)]);
});

test.each([
  [102_000, 2_000, 2_000, "Up 2 % since yesterday, up 2 % in a week"],
  [98_000, -2_000, 0, "Down 2 % since yesterday, unchanged in a week"],
  [100_000, 0, 0, "Unchanged for a week"],
  [100_000, 0, null, "Unchanged since yesterday"],
  [100_010, 10, null, "Up a hair since yesterday"],
  [100_000, null, null, ""],
])("%d after changes of %j and %j: %s", (microUsdPerDucat, dayMicroUsd, weekMicroUsd, words) => {
  expect(movedWords({ microUsdPerDucat, trend: { dayMicroUsd, weekMicroUsd } })).toBe(words);
});

test("it says that it stands still, and doesn't bother customers with what is broken", () => {
  expect(heldWords(null)).toBeUndefined();
  expect(heldWords("override")).toContain("by hand");
  for (const held of ["stale", "missing", "unreadable", "redis_away", "not_run", "of another day"])
    expect(heldWords(held)).toContain("no fresh word");
});

test.each([
  [100_000n, "$0.10"],
  [99_438n, "$0.0994"],
  [99_450n, "$0.0995"],
  [99_999n, "$0.10"],
])("for the eye, %d is %s", (rate, words) => {
  expect(printRateShort(rate)).toBe(words);
});
