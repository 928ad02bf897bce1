/** The stand-ins' clock: the machine's (or the one it was started with), until somebody moves it. */

export type Clock = {
  now(): Date;
  /** How far it is ahead of the clock below it. */
  aheadMs(): number;
  /** Stands still at this moment: all that happens now happens in the same second. */
  set(at: Date): void;
  /** Moves on by so much (back, when it is negative), standing or running. */
  advance(ms: number): void;
  /** Runs again, as it would have without `set` and `advance`. */
  resume(): void;
};

/** @param base the clock below; it is asked each time. */
export function createClock(base: () => Date): Clock {
  let standing: number | undefined;
  let offsetMs = 0;
  const now = (): Date => new Date(standing ?? base().getTime() + offsetMs);
  return {
    now,
    aheadMs: () => now().getTime() - base().getTime(),
    set: (at) => void (standing = at.getTime()),
    advance(ms) {
      if (standing === undefined) offsetMs += ms;
      else standing += ms;
    },
    resume() {
      standing = undefined;
      offsetMs = 0;
    },
  };
}
