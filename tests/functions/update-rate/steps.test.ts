/** One step an hour, two per cent at most, within the bounds: whatever Redis says, and whoever calls at once. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { later, MINUTE_MS } from "../../../lib/clock.ts";
import { updateRate } from "../../../lib/rate/update.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { nextHour, rateRows, setTown, step } from "../../support/rating.ts";
import { appAt, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

// The rates are a chain: the file's clock only goes forward.
let now = Date.UTC(2026, 11, 1);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now });
  nextHour();
});
afterEach(() => {
  now = Date.now();
  vi.useRealTimers();
});

const last = async () => (await rateRows(world)).at(-1);

test("the town as it opened keeps the rate where it opened; one round trip each", async () => {
  await setTown(world);
  expect(await step()).toEqual({ step: "stepped", microUsdPerDucat: 100_000, because: null });
  expect(log.last()).toMatchObject({ trips: { redis: 1, postgres: 1 }, step: "stepped" });
  const [row] = await world.database.rows("select * from rates order by nth desc limit 1");
  expect(row).toMatchObject({
    ...{ kind: "step", level_milli: 5_000, coherence_milli: 50_000, target_micro_usd: "100000" },
    ...{ who: "system", reason: null, holds_until: null, inputs_at: new Date() },
    hour: new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000),
  });
});

test("a livelier town: two per cent an hour upwards, until the target is reached", async () => {
  const rates = [];
  for (let hour = 0; hour < 4; hour += 1) {
    nextHour();
    await setTown(world, { level: "5.25", coherence: "50" });
    rates.push((await step()).microUsdPerDucat);
  }
  // 100,000 × 1.02 × 1.02, each rounded towards where it was; then the target.
  expect(rates).toEqual([102_000, 104_040, 105_000, 105_000]);
});

test("a sleeping town: two per cent an hour downwards, not below the least", async () => {
  let rate = 105_000;
  for (let hour = 0; hour < 60; hour += 1) {
    nextHour();
    await setTown(world, { level: "0", coherence: "0" });
    const next = (await step()).microUsdPerDucat;
    expect(next).toBe(Math.max(50_000, rate - Math.floor(rate / 50)));
    rate = next;
  }
  expect(rate).toBe(50_000);
});

test("fifty at once make one step", async () => {
  await setTown(world, { level: "10", coherence: "100" });
  const before = await rateRows(world);
  const answers = await Promise.all(Array.from({ length: 50 }, () => step()));
  expect(answers.filter(({ step: each }) => each === "stepped")).toHaveLength(1);
  expect(answers.filter(({ step: each }) => each === "done_before")).toHaveLength(49);
  const after = await rateRows(world);
  expect(after).toHaveLength(before.length + 1);
  expect(after.at(-1)?.rate).toBe(51_000);
});

test("called again within the hour, with other inputs: done before; in the next hour it goes on", async () => {
  await setTown(world, { level: "10" });
  const first = await step();
  vi.setSystemTime(Date.now() + 58 * MINUTE_MS);
  await setTown(world, { level: "0" });
  expect(await step()).toEqual({ ...first, step: "done_before" });
  vi.setSystemTime(Date.now() + 2 * MINUTE_MS);
  expect((await step()).step).toBe("stepped");
});

test("hours that nobody ran are not made up for", async () => {
  await setTown(world, { level: "10", coherence: "100" });
  const { microUsdPerDucat: before } = await step();
  vi.setSystemTime(Date.now() + 48 * 60 * MINUTE_MS);
  await setTown(world, { level: "10", coherence: "100" });
  expect((await step()).microUsdPerDucat).toBe(before + Math.floor(before / 50));
});

test("a function whose clock is behind doesn't write into the past", async () => {
  await setTown(world);
  await step();
  const before = await last();
  const behind = { now: later(new Date(), -90 * MINUTE_MS) };
  expect((await updateRate(appAt(behind))).kind).toBe("done_before");
  expect(await last()).toEqual(before);
});

describe("the last rate holds", () => {
  async function expectHeld(because: string): Promise<void> {
    const before = await last();
    expect(await step()).toEqual({ step: "held", microUsdPerDucat: before?.rate, because });
    expect(await last()).toMatchObject({ kind: "held", reason: because, rate: before?.rate });
    const { body } = await call("rate");
    expect(body).toMatchObject({ microUsdPerDucat: before?.rate, held: because });
  }

  test("when nobody has written the hash", () => expectHeld("missing"));

  test.each(["avg_level", "coherence", "updated_at"])("when %s is missing", async (field) => {
    await setTown(world);
    await world.upstash.run(["hdel", "consciousness:stats", field]);
    await expectHeld("missing");
  });

  test("when it was written more than an hour ago", async () => {
    await setTown(world, { level: "10", updatedAt: later(new Date(), -61 * MINUTE_MS).toISOString() });
    await expectHeld("stale");
  });

  test.each([
    { level: "99999" },
    { level: "-5" },
    { level: "NaN" },
    { level: "1e400" },
    { level: "" },
    { level: "'; drop table rates; --" },
    { coherence: "100.5" },
    { coherence: "<script>" },
    { coherence: "5".repeat(300_000) },
    { updatedAt: "2999-01-01T00:00:00Z" },
    { updatedAt: "soon" },
  ])("when it says %j", async (town) => {
    await setTown(world, town);
    await expectHeld("unreadable");
  });

  test("when something else stands under its key", async () => {
    await world.upstash.run(["set", "consciousness:stats", "5.0"]);
    await expectHeld("unreadable");
    expect(log.text()).toContain("rate_inputs_unread");
  });

  test.each([{ kind: "status", status: 500 }, { kind: "drop_before" }] as const)(
    "when Redis is away (%j), asked twice",
    async (fault) => {
      await setTown(world, { level: "10" });
      world.upstash.faults.plan({ ...fault, times: 2 });
      await expectHeld("redis_away");
      expect(world.upstash.faults.seen).toHaveLength(2);
    },
  );

  test("when Redis hangs: it gives up, far within the platform's 30 s", async () => {
    await setTown(world, { level: "10" });
    world.upstash.faults.plan({ kind: "latency", latencyMs: 20_000, times: 2 });
    await expectHeld("redis_away");
  });

  test("not when Redis answers the second time", async () => {
    await setTown(world);
    world.upstash.faults.plan({ kind: "drop_before" });
    expect((await step()).step).toBe("stepped");
    expect(log.last().trips).toEqual({ redis: 2, postgres: 1 });
  });
});

test("the database away: 503, nothing stepped; killed after its work: the next call finds the hour done", async () => {
  await setTown(world);
  const before = (await rateRows(world)).length;
  world.gateway.faults.plan({ kind: "drop_before" });
  expect((await call("update-rate", { json: {} })).status).toBe(503);
  expect(await rateRows(world)).toHaveLength(before);
  world.gateway.faults.plan({ kind: "drop_after" });
  expect((await call("update-rate", { json: {} })).status).toBe(503);
  expect((await step()).step).toBe("done_before");
  expect(await rateRows(world)).toHaveLength(before + 1);
});

/** Mulberry32: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test.each([1, 2, 3])(
  "whatever the town says for 150 hours (seed %d): within the bounds, two per cent a step, no two steps in an hour",
  async (seed) => {
    const next = random(seed);
    const odd = ["", "-1", "1e9", "NaN", "11", "100.1"];
    const value = (max: number) =>
      next() < 0.15 ? (odd[Math.floor(next() * odd.length)] ?? "") : (next() * max).toFixed(6);
    const clock = { now: new Date() };
    const app = appAt(clock);
    const before = (await rateRows(world)).length;
    for (let hour = 0; hour < 150; hour += 1) {
      nextHour();
      clock.now = later(new Date(), Math.floor(next() * 50 * MINUTE_MS));
      const old = next() < 0.1;
      await setTown(world, {
        level: value(10),
        coherence: value(100),
        updatedAt: later(clock.now, old ? -90 * MINUTE_MS : -MINUTE_MS).toISOString(),
      });
      await Promise.all(Array.from({ length: next() < 0.2 ? 3 : 1 }, () => updateRate(app)));
    }
    const rows = await rateRows(world);
    expect(rows).toHaveLength(before + 150);
    const added = rows.slice(before);
    for (const { rate, previous, kind } of added) {
      expect(rate).toBeGreaterThanOrEqual(50_000);
      expect(rate).toBeLessThanOrEqual(500_000);
      expect(Math.abs(rate - (previous ?? 0)) * 50).toBeLessThanOrEqual(previous ?? 0);
      if (kind === "held") expect(rate).toBe(previous);
    }
    expect(new Set(added.map(({ kind }) => kind))).toEqual(new Set(["step", "held"]));
    expect(added.some(({ rate, previous }) => rate !== previous)).toBe(true);
    for (const [index, row] of rows.entries())
      if (index > 0) expect(row.previous).toBe(rows[index - 1]?.rate);
  },
);
