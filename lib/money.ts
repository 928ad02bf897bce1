/** Money as branded integers: millis of a ducat, cents of a dollar, micro-dollars per ducat. Never a float. */
import * as z from "zod";

export const millisSchema = z.bigint().brand<"Millis">();
export const centsSchema = z.bigint().brand<"Cents">();
export const microUsdPerDucatSchema = z.bigint().brand<"MicroUsdPerDucat">();

/** Thousandths of a ducat. */
export type Millis = z.output<typeof millisSchema>;
/** US cents. */
export type Cents = z.output<typeof centsSchema>;
/** Millionths of a dollar for one ducat: 100,000 is $0.10. */
export type MicroUsdPerDucat = z.output<typeof microUsdPerDucatSchema>;

export const millis = (value: bigint): Millis => millisSchema.parse(value);
export const cents = (value: bigint): Cents => centsSchema.parse(value);
export const microUsdPerDucat = (value: bigint): MicroUsdPerDucat => microUsdPerDucatSchema.parse(value);

export const MILLIS_PER_DUCAT = 1_000n;

/** The part of an amount that can go to Venice: whole ducats. */
export function wholeDucats(amount: Millis): Millis {
  return millis(amount - (amount % MILLIS_PER_DUCAT));
}

/**
 * Exact millis of a decimal as JavaScript prints it (`1234.5` is 1,234,500): Venice's purses are JSON numbers.
 * More than three decimals are rounded half away from zero; anything that is no finite number is undefined.
 */
export function millisOfDecimal(value: unknown): Millis | undefined {
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(Math.abs(value) < 1e-6 ? "0" : String(value));
  if (!match) return undefined;
  const [, sign, whole = "0", fraction = ""] = match;
  const tenThousandths = BigInt(whole) * 10_000n + BigInt(fraction.padEnd(4, "0").slice(0, 4));
  const rounded = (tenThousandths + 5n) / 10n;
  return millis(sign ? -rounded : rounded);
}

/** `1,234.5` for 1,234,500 millis: for people to read, never to parse. */
export function printDucats(amount: Millis): string {
  const absolute = amount < 0n ? 0n - amount : amount;
  const whole = (absolute / MILLIS_PER_DUCAT).toLocaleString("en-US");
  const fraction = (absolute % MILLIS_PER_DUCAT).toString().padStart(3, "0").replace(/0+$/, "");
  return `${amount < 0n ? "-" : ""}${whole}${fraction ? `.${fraction}` : ""}`;
}

/** `1,234.5 ducats`, `1 ducat`. */
export function ducats(amount: Millis): string {
  return `${printDucats(amount)} ${amount === MILLIS_PER_DUCAT ? "ducat" : "ducats"}`;
}

/** `$1,234.50` for 123,450 cents. */
export function printCents(amount: Cents): string {
  return `$${(amount / 100n).toLocaleString("en-US")}.${(amount % 100n).toString().padStart(2, "0")}`;
}
