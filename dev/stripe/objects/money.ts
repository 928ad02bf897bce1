/** Currencies and the least and most that can be charged. */
import { invalid } from "../protocol/errors.ts";

const currencies = new Set(Intl.supportedValuesOf("currency").map((each) => each.toLowerCase()));

/** What Stripe takes at least, in the currency's smallest unit; where nothing is said here, 50. */
const minimum: Readonly<Record<string, number>> = {
  aed: 200,
  dkk: 250,
  gbp: 30,
  hkd: 400,
  jpy: 50,
  nok: 300,
  sek: 300,
};
const DEFAULT_MINIMUM = 50;
const MAXIMUM = 99_999_999;

/** @returns the currency in lower case, as it is answered. */
export function currencyOf(text: string, param: string): string {
  const currency = text.toLowerCase();
  if (!currencies.has(currency)) throw invalid(`Invalid currency: ${text}.`, { param });
  return currency;
}

export function refuseNegative(amount: number | undefined, param: string): void {
  if (amount === undefined || amount >= 0) return;
  throw invalid("This value must be greater than or equal to 0.", {
    param,
    code: "parameter_invalid_integer",
  });
}

/** The least that can be charged. */
export function leastOf(currency: string): number {
  return minimum[currency] ?? DEFAULT_MINIMUM;
}

/** A total of 0 needs no payment; one too small for a card is refused. */
export function refuseUnchargeable(total: number, currency: string): void {
  if (total > MAXIMUM) {
    throw invalid(`The Checkout Session's total amount must be no more than ${shown(MAXIMUM, currency)}.`, {
      code: "amount_too_large",
    });
  }
  const least = leastOf(currency);
  if (total > 0 && total < least) {
    throw invalid(
      `The Checkout Session's total amount due must add up to at least ${shown(least, currency)}`,
      { code: "amount_too_small" },
    );
  }
}

/** For people: `$12.00`. */
export function shown(amount: number, currency: string): string {
  const format = new Intl.NumberFormat("en-US", { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** digits);
}
