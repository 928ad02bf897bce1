/** Chance that can be repeated: the same seed, the same draws. */
export type Chance = {
  /** 0 up to, but not, 1. */
  next(): number;
  /** A whole number from the first to the second, both included. */
  between(least: number, most: number): number;
  isLucky(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
};

/** Mulberry32: small, and even enough to draw faults with. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  return {
    next,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    isLucky: (probability) => next() < probability,
    pick(from) {
      const picked = from[Math.floor(next() * from.length)];
      if (picked === undefined) throw new Error("there is nothing to pick from");
      return picked;
    },
  };
}
