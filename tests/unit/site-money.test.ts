/** Money on the site: integers in, words for people out. */
import { describe, expect, test } from "vitest";
import { customAmount, gives } from "../../site/src/custom-amount.ts";
import { millisForCents, parseDollars, printDollars, printDucats, printRate } from "../../site/src/money.ts";

describe("printing", () => {
  test.each([
    [0n, "0"],
    [1_075_000n, "1,075"],
    [240_384n, "240.384"],
    [1_234_500n, "1,234.5"],
    [50n, "0.05"],
    [-20_500n, "−20.5"],
    [9_007_199_254_740_993_001n, "9,007,199,254,740,993.001"],
  ])("%s millis read %s ducats", (millis, words) => {
    expect(printDucats(millis)).toBe(words);
  });

  test.each([
    [1_000n, "$10.00"],
    [1_000_000n, "$10,000.00"],
    [5n, "$0.05"],
    [-150n, "−$1.50"],
  ])("%s cents read %s", (cents, words) => {
    expect(printDollars(cents)).toBe(words);
  });

  test.each([
    [100_000n, "$0.10"],
    [104_000n, "$0.104"],
    [98_765n, "$0.098765"],
    [500_000n, "$0.50"],
  ])("a rate of %s reads %s", (rate, words) => {
    expect(printRate(rate)).toBe(words);
  });
});

describe("what is typed", () => {
  test.each([
    ["25", 2_500n],
    ["25.5", 2_550n],
    ["25,50", 2_550n],
    ["$1,000", 100_000n],
    [" 1 000.00 ", 100_000n],
    ["1.000,25", 100_025n],
    ["10000", 1_000_000n],
    ["0", 0n],
  ])("%s is %s cents", (typed, cents) => {
    expect(parseDollars(typed)).toBe(cents);
  });

  test.each([
    "",
    "ten",
    "-5",
    "1e3",
    "25.505",
    "1.000",
    "1,00,0",
    "10,00,000",
    "1.2.3",
    "0x10",
    "99999999999999",
  ])("%j is no amount", (typed) => {
    expect(parseDollars(typed)).toBeUndefined();
  });

  const bounds = { minCents: 1_000, maxCents: 1_000_000 };

  test("both bounds are included", () => {
    expect(customAmount("10", bounds)).toEqual({ kind: "fits", cents: 1_000n });
    expect(customAmount("10,000", bounds)).toEqual({ kind: "fits", cents: 1_000_000n });
    expect(customAmount("9.99", bounds)).toEqual({ kind: "wrong", words: "The least is $10.00." });
    expect(customAmount("10,000.01", bounds)).toEqual({ kind: "wrong", words: "The most is $10,000.00." });
  });
});

describe("a custom amount", () => {
  test("is rounded down to the milli, as the server does", () => {
    expect(millisForCents(2_500n, 100_000n)).toBe(250_000n);
    expect(millisForCents(2_500n, 104_000n)).toBe(240_384n);
    expect(millisForCents(1_000_000n, 50_000n)).toBe(200_000_000n);
  });

  test("says what stays here, and only when it goes to Venice", () => {
    expect(gives(2_500n, 104_000, "venice").fraction).toContain("0.384 stays");
    expect(gives(2_500n, 104_000, "wallet")).toEqual({ ducats: "240.384 ducats", fraction: "" });
    expect(gives(2_500n, 100_000, "venice")).toEqual({ ducats: "250 ducats", fraction: "" });
  });
});
