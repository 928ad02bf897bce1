/** A few things at once, the next when one is done, as long as there is time. */
import { Unavailable } from "../errors.ts";

export type HasTime = () => boolean;

/** Few enough for Stripe's 25 requests a second in a sandbox, where an event about a refund takes three. */
const atOnce = 5;

/** Whether all were done. What one throws is thrown when those under way have ended. */
export async function inTurns<Item>(
  items: readonly Item[],
  hasTime: HasTime,
  work: (item: Item) => Promise<void>,
): Promise<boolean> {
  const waiting = [...items];
  const faults: unknown[] = [];
  const turn = async (): Promise<void> => {
    while (faults.length === 0 && hasTime()) {
      const item = waiting.shift();
      if (item === undefined) return;
      await work(item).catch((error: unknown) => void faults.push(error));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, turn));
  if (faults.length > 0) throw faults[0];
  return waiting.length === 0;
}

/** How many were done. One that fails by a mistake of ours, or of its data, holds up none of the others; it is thrown when they had their turn. */
export async function allInTurns<Item>(
  items: readonly Item[],
  hasTime: HasTime,
  work: (item: Item) => Promise<void>,
): Promise<number> {
  let done = 0;
  const faults: unknown[] = [];
  await inTurns(items, hasTime, async (item) => {
    try {
      await work(item);
      done += 1;
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      faults.push(error);
    }
  });
  if (faults.length > 0) throw faults[0];
  return done;
}
