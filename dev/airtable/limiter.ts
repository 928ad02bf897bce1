/** Airtable's limit on a base: so many requests a second, then a penalty in which every request is refused. */

const WINDOW_MS = 1_000;

export type Limiter = {
  /** Counts one request, now or at a reading of the clock that its caller took. False is Airtable's 429. */
  admit(at?: number): boolean;
  /** For a caller with a share of its own: how long from `at` until it may try, 0 for then. Counts nothing. */
  waitMs(at: number, sharePerSecond: number, spent: readonly number[]): number;
  /** In a penalty: whoever asks now is refused. */
  isPenalty(): boolean;
  /** The limiter's own clock in milliseconds: the stand-in's, plus what `elapse` added. */
  clockMs(): number;
  /** Lets time pass for the limiter alone, where the stand-in's clock is injected and stands still. */
  elapse(ms: number): void;
  /** Forgets the window and the penalty. */
  reset(): void;
};

export function createLimiter(options: {
  requestsPerSecond: number;
  penaltyMs: number;
  now: () => Date;
}): Limiter {
  let admitted: number[] = [];
  let penaltyUntil = 0;
  let elapsedMs = 0;

  const clockMs = () => options.now().getTime() + elapsedMs;

  return {
    admit(instant = clockMs()) {
      if (instant < penaltyUntil) return false;
      admitted = admitted.filter((each) => instant - each < WINDOW_MS);
      if (admitted.length >= options.requestsPerSecond) {
        penaltyUntil = instant + options.penaltyMs;
        return false;
      }
      admitted.push(instant);
      return true;
    },
    waitMs(instant, sharePerSecond, spent) {
      if (instant < penaltyUntil) return penaltyUntil - instant;
      const recent = spent.filter((each) => instant - each < WINDOW_MS);
      const first = recent[recent.length - sharePerSecond];
      return first === undefined ? 0 : WINDOW_MS - (instant - first);
    },
    isPenalty: () => clockMs() < penaltyUntil,
    clockMs,
    elapse: (ms) => void (elapsedMs += ms),
    reset() {
      admitted = [];
      penaltyUntil = 0;
    },
  };
}
