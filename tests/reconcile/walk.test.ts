/** A list that comes newest first is taken whole, in order, in pieces that fit, and goes on where it was cut off. */
import { expect, test } from "vitest";
import { walk } from "../../lib/reconcile/walk.ts";
import type { Span } from "../../lib/stripe/history.ts";

type Item = { readonly id: string; readonly created: number };

/** Small, seeded: the same lists in each run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

function listOf(seed: number, count: number, seconds: number): Item[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, index) => ({
    id: `evt_${index}`,
    // Bursts: many share a second.
    created: Math.floor(next() ** 3 * seconds),
  })).sort((left, right) => right.created - left.created);
}

/** Stripe's paging: a hundred, the newest first. */
function pages(list: readonly Item[]) {
  return (span: Span, after: string | null) => {
    const within = list.filter(({ created }) => created >= span.from && created < span.to);
    const start = after === null ? 0 : within.findIndex(({ id }) => id === after) + 1;
    const items = within.slice(start, start + 100);
    return Promise.resolve({ items, hasMore: start + 100 < within.length });
  };
}

test.each([
  ["nothing", 0, 100],
  ["less than a page", 60, 1_000],
  ["exactly a page", 100, 1_000],
  ["several pages", 450, 1_000],
  ["many pieces", 3_000, 100_000],
  ["more in one second than in a piece", 2_000, 2],
])("%s: each once, the oldest pieces first", async (_, count, seconds) => {
  for (const seed of [1, 2, 3]) {
    const list = listOf(seed, count, seconds);
    const taken: Item[] = [];
    let stored = 0;
    await walk({
      span: { from: 0, to: seconds },
      page: pages(list),
      take: (items, to) => {
        expect(items.every(({ created }) => created >= stored && created < to)).toBe(true);
        taken.push(...items);
        stored = to;
        return Promise.resolve();
      },
      hasTime: () => true,
    });
    expect(taken).toEqual(list.toReversed());
    expect(stored).toBe(seconds);
  }
});

test("runs without enough time get through all the same, each from where the one before had stored", async () => {
  const list = listOf(4, 5_000, 50_000);
  const taken = new Set<string>();
  let stored = 0;
  let runs = 0;
  while (stored < 50_000) {
    runs += 1;
    let requests = 0;
    await walk({
      span: { from: stored, to: 50_000 },
      page: (span, after) => {
        requests += 1;
        return pages(list)(span, after);
      },
      take: (items, to) => {
        for (const { id } of items) taken.add(id);
        stored = to;
        return Promise.resolve();
      },
      hasTime: () => requests < 40,
    });
    expect(runs).toBeLessThan(50);
  }
  expect(taken.size).toBe(5_000);
  expect(runs).toBeGreaterThan(1);
});
