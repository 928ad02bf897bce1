/** What everybody may know of the rate: now, why, where it has been; one round trip, and a minute in caches. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DAY_MS, HOUR_MS, later, MINUTE_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { nextHour, setRate, setTown, step } from "../../support/rating.ts";
import { useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

let now = Date.UTC(2026, 10, 2, 0, 30);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now });
});
afterEach(() => {
  now = Date.now();
  vi.useRealTimers();
});

type Point = { readonly at: string; readonly microUsdPerDucat: number };

test("as it opened: no inputs yet, no step taken, one point", async () => {
  const answer = await call("rate");
  expect(answer.body).toEqual({
    ...{ microUsdPerDucat: 100_000, asOf: "2026-11-01T00:00:00.000Z", held: "not_run", holdsUntil: null },
    inputs: null,
    trend: { dayMicroUsd: 0, weekMicroUsd: null },
    bounds: { minMicroUsd: 50_000, maxMicroUsd: 500_000 },
    nextStepAt: "2026-11-02T01:00:00.000Z",
    history: [{ at: "2026-11-01T00:00:00.000Z", microUsdPerDucat: 100_000 }],
  });
  expect(answer.headers.get("cache-control")).toBe("public, max-age=60");
  expect(log.last().trips).toEqual({ postgres: 1 });
});

test("after a step: its inputs, fresh, and the move; the same rate an hour later is as old as it was", async () => {
  nextHour();
  await setTown(world, { level: "6.25", coherence: "55.5" });
  await step();
  const stepped = new Date().toISOString();
  const first = (await call("rate")).body;
  expect(first).toMatchObject({
    ...{ microUsdPerDucat: 102_000, asOf: stepped, held: null },
    inputs: { levelMilli: 6_250, coherenceMilli: 55_500, updatedAt: stepped },
    trend: { dayMicroUsd: 2_000, weekMicroUsd: null },
  });
  expect(first.history.at(-1)).toEqual({ at: stepped, microUsdPerDucat: 102_000 });
  nextHour();
  vi.setSystemTime(Date.now() + 1);
  await step();
  const second = (await call("rate")).body;
  // Written more than an hour ago: stale. The last inputs that could be used are still shown.
  expect(second).toMatchObject({
    ...{ microUsdPerDucat: 102_000, asOf: stepped, held: "stale" },
    inputs: first.inputs,
  });
  expect(second.history).toEqual(first.history);
});

test("two hours after its last run it says that nobody runs it", async () => {
  nextHour();
  await setTown(world);
  await step();
  vi.setSystemTime(Date.now() + 2 * HOUR_MS - 1);
  expect((await call("rate")).body.held).toBe(null);
  vi.setSystemTime(Date.now() + 1);
  expect((await call("rate")).body.held).toBe("not_run");
});

test("a day's and a week's change are against the rate that was in force then", async () => {
  await setRate(world, 120_000);
  vi.setSystemTime(Date.now() + 6 * DAY_MS);
  await setRate(world, 110_000);
  vi.setSystemTime(Date.now() + DAY_MS);
  expect((await call("rate")).body.trend).toEqual({ dayMicroUsd: 0, weekMicroUsd: -10_000 });
  vi.setSystemTime(Date.now() - 1);
  const [before] = await world.database.rows<{ rate: number }>(
    "select micro_usd_per_ducat::int as rate from rates where at < $1 order by nth desc limit 1",
    [later(new Date(), -7 * DAY_MS)],
  );
  expect((await call("rate")).body.trend).toEqual({
    dayMicroUsd: -10_000,
    weekMicroUsd: 110_000 - (before?.rate ?? NaN),
  });
  vi.setSystemTime(Date.now() + 1);
});

test("thirty-five days of hourly moves are at most 200 points of 30 days: the first in force then, in order, the newest among them", async () => {
  const start = Math.ceil((Date.now() + 1) / HOUR_MS) * HOUR_MS + 5 * MINUTE_MS;
  const hours = 35 * 24;
  await world.database.rows(
    `select step_rate($1::timestamptz + n * interval '1 hour',
       jsonb_build_object('levelMilli', 1, 'coherenceMilli', 1, 'updatedAt', $1::text), case when n % 7 < 4 then 500000 else 50000 end, null)
     from generate_series(0, $2::int) n`,
    [new Date(start), hours],
  );
  vi.setSystemTime(start + hours * HOUR_MS + 10 * MINUTE_MS);
  const { body } = await call("rate");
  const history: Point[] = body.history;
  expect(history.length).toBeGreaterThan(150);
  expect(history.length).toBeLessThanOrEqual(200);
  expect(history[0]?.at).toBe(later(new Date(), -30 * DAY_MS).toISOString());
  expect(history.at(-1)).toEqual({
    at: new Date(start + hours * HOUR_MS).toISOString(),
    microUsdPerDucat: body.microUsdPerDucat,
  });
  const times = history.map(({ at }) => at);
  expect(times).toEqual(times.toSorted());
  const all = await world.database.rows<{ at: Date; rate: number }>(
    "select at, micro_usd_per_ducat::int as rate from rates order by nth",
  );
  const inForce = (at: string) => all.findLast((row) => row.at <= new Date(at))?.rate;
  expect(history.map(({ microUsdPerDucat }) => microUsdPerDucat)).toEqual(times.map(inForce));
});

test("the database away: 503, and no cache keeps that", async () => {
  world.gateway.faults.plan({ kind: "drop_before" });
  const answer = await call("rate");
  expect([answer.status, answer.body.code]).toEqual([503, "database_unavailable"]);
  expect(answer.headers.get("cache-control")).toBe("no-store");
});
