/** What an order costs and gives: never more ducats than were paid for, and none withheld. */
import { expect, test } from "vitest";
import { packs, productId } from "../../lib/catalog/packs.ts";
import { cents, microUsdPerDucat, millis } from "../../lib/money.ts";
import { packPrice, quote } from "../../lib/purchase/quote.ts";

const rates = [50_000n, 100_000n, 500_000n, 123_457n];
/** Millis of a ducat × micro-dollars per ducat, in one cent. */
const perCent = 10_000_000n;

function custom(amountCents: bigint, rate = 100_000n) {
  return quote({ amountCents: cents(amountCents) }, microUsdPerDucat(rate));
}

test.each(rates)(
  "at %d micro-dollars every cent from 1,000 to 1,000,000 buys what it pays for, to the milli",
  (rate) => {
    let last = 0n;
    for (let amount = 1_000n; amount <= 1_000_000n; amount += 1n) {
      const { amountCents, baseMillis, bonusMillis } = custom(amount, rate);
      const paid = amount * perCent;
      const right =
        amountCents === amount &&
        bonusMillis === 0n &&
        baseMillis * rate <= paid &&
        (baseMillis + 1n) * rate > paid &&
        baseMillis >= last;
      if (!right) throw new Error(`${amount} cents at ${rate} give ${baseMillis} millis after ${last}`);
      last = baseMillis;
    }
  },
);

test.each([
  // int(19.99 × 100) is 1998: floats never come near.
  [1_999n, 100_000n, 199_900n],
  [1_000n, 100_000n, 100_000n],
  [1_000_000n, 100_000n, 100_000_000n],
  [1_000n, 50_000n, 200_000n],
  [1_000n, 500_000n, 20_000n],
  [1_000n, 123_457n, 80_999n],
  [1_001n, 123_457n, 81_080n],
  [1_000n, 300_000n, 33_333n],
])("%d cents at %d give %d millis", (amount, rate, expected) => {
  expect(custom(amount, rate)).toEqual({
    pack: null,
    amountCents: amount,
    baseMillis: expected,
    bonusMillis: 0n,
    microUsdPerDucat: rate,
  });
});

test.each([
  // base × rate, half a cent up: 100 ducats at 0.10049, 0.10050 and 0.10051.
  [100_049n, 1_000n],
  [100_050n, 1_001n],
  [100_051n, 1_001n],
  [123_457n, 1_235n],
  [50_000n, 500n],
  [500_000n, 5_000n],
])("a hundred ducats at %d cost %d cents", (rate, expected) => {
  expect(packPrice(millis(100_000n), microUsdPerDucat(rate))).toBe(expected);
});

test.each(rates)(
  "at %d a pack's ducats are fixed, its price follows the rate to within half a cent",
  (rate) => {
    for (const pack of packs) {
      const quoted = quote({ pack: pack.id }, microUsdPerDucat(rate));
      expect(quoted).toMatchObject({
        pack: pack.id,
        baseMillis: pack.baseMillis,
        bonusMillis: pack.bonusMillis,
      });
      const off = quoted.amountCents * perCent - pack.baseMillis * rate;
      expect(off <= perCent / 2n && off > -perCent / 2n).toBe(true);
    }
  },
);

test("a larger pack is never the worse bargain", () => {
  for (const rate of rates) {
    const perDucat = packs.map(({ id, baseMillis, bonusMillis }) => {
      const { amountCents } = quote({ pack: id }, microUsdPerDucat(rate));
      return Number(amountCents) / Number(baseMillis + bonusMillis);
    });
    // Rounding to a cent is all that may differ.
    for (const [index, each] of perDucat.entries())
      expect(each).toBeLessThanOrEqual((perDucat[index - 1] ?? Infinity) * 1.001);
  }
});

test("each order is sold as a product of the catalogue", () => {
  expect([...packs.map(({ id }) => id), null].map(productId)).toEqual([
    ...["starter", "explorer", "trader", "merchant", "noble", "custom"].map(
      (name) => `cascade_ducats_${name}`,
    ),
  ]);
});
