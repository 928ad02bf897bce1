/** The orders in which events may arrive: all of them, with repetitions, and with one that comes late. */
import type { Chance } from "./random.ts";

/** Every order of so many things, by their numbers from 0. */
export function everyOrder(count: number): number[][] {
  if (count === 0) return [[]];
  return everyOrder(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, place) => [...order.slice(0, place), count - 1, ...order.slice(place)]),
  );
}

/** All of it in a random order. */
export function shuffled<T>(chance: Chance, all: readonly T[]): T[] {
  const left = [...all];
  return all.map(() => {
    const [taken] = left.splice(chance.between(0, left.length - 1), 1);
    if (taken === undefined) throw new Error("there is nothing left");
    return taken;
  });
}

export type Arrival = { readonly index: number; readonly isCopy: boolean };

/** Each once more somewhere: as Stripe's own second delivery (the same id), or as a copy with an id of its own. */
export function repeated(chance: Chance, order: readonly number[]): Arrival[] {
  const arrivals = order.map((index): Arrival => ({ index, isCopy: false }));
  for (const index of order)
    arrivals.splice(chance.between(0, arrivals.length), 0, { index, isCopy: chance.isLucky(0.5) });
  return arrivals;
}
