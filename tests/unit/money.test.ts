/** Money: exact integers in, exact integers out. */
import { expect, test } from "vitest";
import { cents, millis, millisOfDecimal, printDucats, wholeDucats } from "../../lib/money.ts";

test.each([
  [0, 0n],
  [-0, 0n],
  [1, 1_000n],
  [1234.5, 1_234_500n],
  // A purse of the game's, decimals and all.
  [2190.375, 2_190_375n],
  [0.001, 1n],
  [19.99, 19_990n],
  [0.1 + 0.2, 300n],
  [1_000_000, 1_000_000_000n],
  [9_007_199_254_740_991, 9_007_199_254_740_991_000n],
  [1e20, 100_000_000_000_000_000_000_000n],
  [-5.25, -5_250n],
])("%d ducats are %d millis", (decimal, expected) => {
  expect(millisOfDecimal(decimal)).toBe(expected);
});

test.each([
  [0.0004, 0n],
  [0.0005, 1n],
  [0.00049999, 0n],
  [1.0005, 1_001n],
  [1.9995, 2_000n],
  [999.9994, 999_999n],
  [999.9995, 1_000_000n],
  [-1.0005, -1_001n],
  [-0.0004, 0n],
  [0.000001, 0n],
  [1e-7, 0n],
  [5e-324, 0n],
  [-1e-7, 0n],
])("%d is rounded half away from zero to %d", (decimal, expected) => {
  expect(millisOfDecimal(decimal)).toBe(expected);
});

test.each([
  1e21,
  -1e21,
  Number.MAX_VALUE,
  Infinity,
  -Infinity,
  NaN,
  "5",
  "",
  null,
  undefined,
  true,
  [5],
  {},
  5n,
])("%s is no amount", (value) => {
  expect(millisOfDecimal(value)).toBe(undefined);
});

test("every thousandth of a ducat up to a hundred comes back as it went", () => {
  for (let each = 0; each <= 100_000; each += 1) {
    if (millisOfDecimal(each / 1_000) !== BigInt(each))
      throw new Error(`${each} millis are lost as ${each / 1_000}`);
  }
});

test.each([
  [0n, 0n],
  [999n, 0n],
  [1_000n, 1_000n],
  [1_999n, 1_000n],
  [-1n, 0n],
  [-1_999n, -1_000n],
])("of %d millis %d are whole ducats", (amount, whole) => {
  expect(wholeDucats(millis(amount))).toBe(whole);
});

test.each([
  [0n, "0"],
  [1n, "0.001"],
  [10n, "0.01"],
  [100n, "0.1"],
  [1_000n, "1"],
  [1_234_500n, "1,234.5"],
  [1_075_000n, "1,075"],
  [-500n, "-0.5"],
  [-1_234_567n, "-1,234.567"],
  [9_007_199_254_740_991_000n, "9,007,199,254,740,991"],
])("%d millis print as %s", (amount, text) => {
  expect(printDucats(millis(amount))).toBe(text);
});

test("what is no bigint is refused where money begins", () => {
  const wrong: unknown[] = [1, 1.5, "1", null, undefined];
  for (const value of wrong) expect(() => cents(value as bigint)).toThrow();
});
