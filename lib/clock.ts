/** Time as an argument: the functions pass the system's, tests and simulations their own. */
export type Clock = () => Date;

export const systemClock: Clock = () => new Date();

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export function later(from: Date, byMs: number): Date {
  return new Date(from.getTime() + byMs);
}
