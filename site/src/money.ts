/** Ducats and dollars for people to read, from the wire's integers; no float touches an amount. */

const grouped = new Intl.NumberFormat("en-US");

/** `1,234.5` for 1,234,500 millis. */
export function printDucats(millis: bigint): string {
  return `${sign(millis)}${decimal(absolute(millis), 3, 0)}`;
}

/** `1,234.5 ducats`, `1 ducat`. */
export function ducats(millis: number): string {
  return `${printDucats(BigInt(millis))} ${millis === 1_000 ? "ducat" : "ducats"}`;
}

/** `$1,234.50` for 123,450 cents. */
export function printDollars(cents: bigint): string {
  return `${sign(cents)}$${decimal(absolute(cents), 2, 2)}`;
}

/** `$0.10` for 100,000 micro-dollars a ducat; up to six decimals where they count. */
export function printRate(microUsdPerDucat: bigint): string {
  return `$${decimal(microUsdPerDucat, 6, 2)}`;
}

/** The same to a hundredth of a cent, half up: for the eye; what is charged follows from the exact one. */
export function printRateShort(microUsdPerDucat: bigint): string {
  return printRate(((microUsdPerDucat + 50n) / 100n) * 100n);
}

/** What a custom amount buys: millis, rounded down. */
export function millisForCents(cents: bigint, microUsdPerDucat: bigint): bigint {
  return microUsdPerDucat > 0n ? (cents * 10_000_000n) / microUsdPerDucat : 0n;
}

/** Venice takes whole ducats; the fraction stays in the wallet. */
export function splitWhole(millis: bigint): { readonly whole: bigint; readonly fraction: bigint } {
  const fraction = millis % 1_000n;
  return { whole: millis - fraction, fraction };
}

/**
 * Cents of what somebody typed: `25`, `25.5`, `25,50`, `$1,000`, `1 000.00`. Undefined when it is no amount,
 * or one with more than two decimals: an order is never rounded silently.
 */
export function parseDollars(typed: string): bigint | undefined {
  const bare = typed.replace(/[\s$_']/g, "");
  const match =
    /^(\d{1,3}(?:,\d{3})+|\d{1,9})(?:\.(\d{0,2}))?$/.exec(bare) ??
    /^(\d{1,3}(?:\.\d{3})+|\d{1,9}),(\d{0,2})$/.exec(bare);
  const whole = match?.[1]?.replace(/[.,]/g, "");
  if (whole === undefined) return undefined;
  return BigInt(whole) * 100n + BigInt((match?.[2] ?? "").padEnd(2, "0"));
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function sign(value: bigint): string {
  return value < 0n ? "\u2212" : "";
}

function decimal(units: bigint, scale: number, fewest: number): string {
  const one = 10n ** BigInt(scale);
  const digits = (units % one).toString().padStart(scale, "0");
  const fraction = digits.replace(/0+$/, "").padEnd(fewest, "0");
  return `${grouped.format(units / one)}${fraction ? `.${fraction}` : ""}`;
}
