/** Turns in Redis: in the order they were asked for, within the patience, and for nobody while Airtable punishes us. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { instance, refusal, statuses, useParts } from "./pacing.ts";

const parts = useParts();

/** The key's life: how far away the next turn is. */
const nextTurnMs = async () => Number(await parts.upstash.run(["pttl", "cascade:airtable:turn"]));

test("the first asks Redis once and waits for nothing", async () => {
  const { ask, trips } = instance();
  await ask();
  expect(trips).toEqual({ redis: 1, venice: 1 });
});

test("first come, first served", async () => {
  const served: number[] = [];
  const asked: Promise<unknown>[] = [];
  for (let number = 0; number < 5; number += 1) {
    asked.push(
      instance()
        .ask()
        .then(() => served.push(number)),
    );
    await sleep(60);
  }
  await Promise.all(asked);
  expect(served).toEqual([0, 1, 2, 3, 4]);
});

test("whoever would wait beyond the patience is told so at once, and reserves nothing", async () => {
  await parts.upstash.run(["set", "cascade:airtable:turn", "turn", "px", "5000"]);
  const { ask, trips } = instance();
  expect(await refusal(ask())).toEqual({ port: "venice", effect: "none", retryAfterSeconds: 5 });
  expect(trips).toEqual({ redis: 1 });
  expect(await nextTurnMs()).toBeLessThan(5_000);
  expect(statuses(parts)).toEqual([]);
});

test("a 429 keeps everybody away until the penalty is over, those who had a turn as well", async () => {
  const stranger = () =>
    fetch(`${parts.airtable.url}/v0/${parts.airtable.baseId}/CITIZENS?maxRecords=1`, {
      headers: { authorization: `Bearer ${parts.airtable.apiKey}` },
    });
  const strangers = await Promise.all(Array.from({ length: 6 }, stranger));
  expect(strangers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 429]);
  parts.airtable.faults.forget();
  const first = refusal(instance().ask());
  const waiting = refusal(instance().ask());
  expect([await first, await waiting].map(({ port, effect }) => [port, effect])).toEqual(
    Array(2).fill(["venice", "none"]),
  );
  expect((await first).retryAfterSeconds).toBe(30);
  for (const { ask, trips } of Array.from({ length: 5 }, () => instance())) {
    const { retryAfterSeconds } = await refusal(ask());
    expect(retryAfterSeconds).toBeGreaterThan(25);
    expect(trips).toEqual({ redis: 1 });
  }
  expect(statuses(parts)).toEqual([429]);
  // Airtable's penalty is shorter here; ours counts Airtable's own thirty seconds.
  await sleep(1_000);
  parts.elapse(26_500);
  const { ask } = instance();
  await ask();
  expect(statuses(parts)).toEqual([429, 200]);
});

test("whoever is held up at his turn gives it up: sent late it would be too near to the next but one", async () => {
  const { ask } = instance();
  const startedAt = performance.now();
  const asked = Promise.all([ask(), ask()]);
  await sleep(300);
  // The second turn is at 550 ms; the whole process stands still until 750.
  while (performance.now() - startedAt < 750);
  await asked;
  const [first, second] = parts.airtable.faults.seen.map(({ at }) => Date.parse(at));
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(1_000);
});
