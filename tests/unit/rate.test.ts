/** The rate's formula to the micro-dollar, and what counts as a reading of the town. */
import { describe, expect, test } from "vitest";
import { HOUR_MS, later, MINUTE_MS } from "../../lib/clock.ts";
import { readInputs } from "../../lib/rate/inputs.ts";
import { rateBounds, targetRate } from "../../lib/rate/target.ts";

describe("target = 0.10 × level / 5 × (0.5 + coherence / 100)", () => {
  test.each([
    [5_000n, 50_000n, 100_000n],
    [10_000n, 100_000n, 300_000n],
    [10_000n, 50_000n, 200_000n],
    [5_000n, 100_000n, 150_000n],
    [5_000n, 0n, 50_000n],
    [2_500n, 50_000n, 50_000n],
    // Below the least: clamped.
    [2_499n, 50_000n, 50_000n],
    [0n, 100_000n, 50_000n],
    [0n, 0n, 50_000n],
    // 5,001 × 100,001 / 5,000 = 100,021.0002; 7,500 × 50,001 / 5,000 = 75,001.5, half up; 74,994.4994 goes down.
    [5_001n, 50_001n, 100_021n],
    [7_500n, 1n, 75_002n],
    [7_499n, 3n, 74_994n],
    [6_543n, 71_234n, 158_647n],
  ])(
    "level %d and coherence %d (thousandths) give %d micro-dollars",
    (levelMilli, coherenceMilli, expected) => {
      expect(targetRate({ levelMilli, coherenceMilli })).toBe(expected);
    },
  );

  test("against exact fractions, over the whole range: rounded half up, within the bounds, never falling", () => {
    for (let levelMilli = 0n; levelMilli <= 10_000n; levelMilli += 37n) {
      let last = 0n;
      for (let coherenceMilli = 0n; coherenceMilli <= 100_000n; coherenceMilli += 271n) {
        const got = targetRate({ levelMilli, coherenceMilli });
        // In 10,000ths of a micro-dollar: 100,000 × (level / 5,000) × (50,000 + coherence) / 100,000.
        const exact = (100_000n * levelMilli * (50_000n + coherenceMilli) * 10_000n) / (5_000n * 100_000n);
        const rounded = (exact + 5_000n) / 10_000n;
        const clamped = rounded < rateBounds.min ? rateBounds.min : rounded;
        if (got !== clamped || got < last || got > rateBounds.max)
          throw new Error(`${levelMilli} and ${coherenceMilli} give ${got}, not ${clamped}`);
        last = got;
      }
    }
  });
});

describe("a reading", () => {
  const now = new Date("2026-11-20T12:00:00Z");
  const updatedAt = "2026-11-20T11:30:00Z";
  const read = (level: string | null, coherence: string | null = "50", at: string | null = updatedAt) =>
    readInputs({ level, coherence, updatedAt: at }, now);

  test.each([
    ["5", 5_000n],
    ["5.0", 5_000n],
    ["0", 0n],
    ["10", 10_000n],
    ["10.000", 10_000n],
    ["4.9999", 5_000n],
    ["4.9995", 5_000n],
    ["4.9994999999999999999", 4_999n],
    ["0.1", 100n],
    ["007", 7_000n],
    ["5.000000000000001", 5_000n],
  ])("level %s is %d thousandths", (level, levelMilli) => {
    expect(read(level)).toMatchObject({ kind: "fresh", levelMilli, coherenceMilli: 50_000n });
  });

  test.each([
    "",
    " ",
    "5 ",
    "-1",
    "+5",
    "10.0000000001",
    "11",
    "99999999999999999999",
    "1e1",
    "0x5",
    "NaN",
    "Infinity",
    "null",
    "true",
    "five",
    "٥",
    "5,0",
    "5.",
    ".5",
    "5.0.0",
    "[5]",
    '{"a":5}',
    "5\n",
    "9".repeat(1_000_000),
  ])("level %j is unreadable", (level) => {
    expect(read(level)).toEqual({ kind: "unreadable" });
  });

  test.each(["100.0000001", "-0.1", "101", "1e2"])("coherence %j is unreadable", (coherence) => {
    expect(read("5", coherence)).toEqual({ kind: "unreadable" });
  });

  test("a field that isn't there is missing", () => {
    expect(read(null)).toEqual({ kind: "missing" });
    expect(read("5", null)).toEqual({ kind: "missing" });
    expect(read("5", "50", null)).toEqual({ kind: "missing" });
  });

  test.each([
    ["2026-11-20T11:30:00Z"],
    ["2026-11-20T12:30:00+01:00"],
    ["2026-11-20T11:30:00.000Z"],
    ["1795174200"],
    ["1795174200.0"],
    ["1795174200000"],
  ])("updated at %s is half past eleven", (at) => {
    expect(read("5", "50", at)).toMatchObject({ kind: "fresh", updatedAt: new Date(updatedAt) });
  });

  test.each([
    "yesterday",
    "2026-11-20",
    "2026-11-20 11:30:00",
    // Without a zone it is a guess.
    "2026-11-20T11:30:00",
    "2026-13-20T11:30:00Z",
    "0",
    "-1",
    "99999999999999",
    "1e12",
  ])("updated at %j is unreadable", (at) => {
    expect(read("5", "50", at)).toEqual({ kind: "unreadable" });
  });

  test("an hour old is fresh, a millisecond more is stale; a minute ahead is a clock's error, more is not believed", () => {
    const at = (ms: number) => read("5", "50", later(now, ms).toISOString()).kind;
    expect([at(-HOUR_MS), at(-HOUR_MS - 1)]).toEqual(["fresh", "stale"]);
    expect([at(MINUTE_MS), at(MINUTE_MS + 1)]).toEqual(["fresh", "unreadable"]);
  });
});
