/** Shares of an amount, to the cent: half a cent is rounded away from zero. */

/** @returns `amount * part / whole`, all integers, computed without a fraction. */
export function shareOf(amount: number, part: number, whole: number): number {
  if (whole <= 0) return 0;
  const doubled = BigInt(Math.abs(amount)) * BigInt(part) * 2n;
  const rounded = Number((doubled + BigInt(whole)) / (BigInt(whole) * 2n));
  return amount < 0 && rounded !== 0 ? -rounded : rounded;
}

/** Spreads an amount over parts in proportion; what rounding leaves goes to the last part that has something. */
export function spreadOver(amount: number, parts: readonly number[]): number[] {
  const whole = parts.reduce((sum, part) => sum + part, 0);
  const shares = parts.map((part) => (whole === 0 ? 0 : Math.floor((amount * part) / whole)));
  const last = parts.findLastIndex((part) => part > 0);
  const left = amount - shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share, index) => (index === last ? share + left : share));
}
