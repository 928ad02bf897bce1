/** Redis away, slow, or back again: Postgres gives the turns meanwhile, and the share is the same. */
import pg from "pg";
import { describe, expect, test } from "vitest";
import { instance, mostInASecond, onAQuietMachine, refusal, statuses, useParts } from "./pacing.ts";

const parts = useParts();
const redisIsAway = () => parts.upstash.faults.plan({ kind: "status", status: 500, times: 1_000 });

test.each([
  ["away", { kind: "status", status: 500 }],
  ["hung", { kind: "latency", latencyMs: 3_000 }],
] as const)("Redis %s: one statement in Postgres says when", async (_, fault) => {
  parts.upstash.faults.plan(fault);
  const { ask, trips } = instance();
  await ask();
  expect(trips).toEqual({ redis: 1, postgres: 1, venice: 1 });
  expect(statuses(parts)).toEqual([200]);
});

test(
  "five instances at once without Redis: two requests in any second, none refused",
  onAQuietMachine,
  async () => {
    redisIsAway();
    const instances = Array.from({ length: 5 }, () => instance());
    const startedAt = Date.now();
    await Promise.all(
      instances.map(async ({ ask }) => {
        await ask();
        await ask();
      }),
    );
    expect(10 / ((Date.now() - startedAt) / 1_000)).toBeGreaterThan(0.8 * 2);
    expect(statuses(parts)).toEqual(Array(10).fill(200));
    expect(mostInASecond(parts)).toBe(2);
    for (const { trips } of instances) expect(trips).toEqual({ redis: 2, postgres: 2, venice: 2 });
  },
);

test(
  "Redis comes back under load: it continues behind Postgres, two requests in any second",
  onAQuietMachine,
  async () => {
    redisIsAway();
    const instances = Array.from({ length: 4 }, () => instance());
    const work = Promise.all(
      instances.map(async ({ ask }) => {
        for (let asked = 0; asked < 3; asked += 1) await ask();
      }),
    );
    await expect.poll(() => statuses(parts).length, { timeout: 5_000 }).toBe(2);
    parts.upstash.faults.clear();
    await work;
    const fresh = instance();
    await fresh.ask();
    expect(fresh.trips).toMatchObject({ venice: 1 });
    expect(fresh.trips).not.toHaveProperty("postgres");
    expect(statuses(parts)).toEqual(Array(13).fill(200));
    expect(mostInASecond(parts)).toBe(2);
  },
);

test("both away: no word on our share, and Airtable is not asked", async () => {
  redisIsAway();
  parts.gateway.faults.plan({ kind: "status" });
  const { ask, trips } = instance();
  expect(await refusal(ask())).toMatchObject({ port: "redis", effect: "none" });
  expect(trips).toEqual({ redis: 1, postgres: 1 });
  expect(statuses(parts)).toEqual([]);
});

describe("Airtable's penalty", () => {
  test("met without Redis, keeps everybody away", async () => {
    redisIsAway();
    parts.airtable.faults.plan({ kind: "status", status: 429 });
    await refusal(instance().ask());
    const { port, retryAfterSeconds } = await refusal(instance().ask());
    expect(port).toBe("venice");
    expect(retryAfterSeconds).toBeGreaterThan(25);
    expect(statuses(parts)).toEqual([429]);
  });

  test("met with Redis, is known when Redis is away afterwards", async () => {
    parts.airtable.faults.plan({ kind: "status", status: 429 });
    await refusal(instance().ask());
    redisIsAway();
    expect((await refusal(instance().ask())).retryAfterSeconds).toBeGreaterThan(25);
    expect(statuses(parts)).toEqual([429]);
  });
});

describe("take_turn", () => {
  const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 12, 0, seconds));
  const take = async (seconds: number) => {
    const [row] = await parts.database.rows<{ wait: number }>("select take_turn($1, 550, 4000) as wait", [
      at(seconds),
    ]);
    return row?.wait;
  };

  test("spaces turns by the interval; one beyond the patience is told and not reserved", async () => {
    const waits: (number | undefined)[] = [];
    for (let asked = 0; asked < 9; asked += 1) waits.push(await take(0));
    expect(waits).toEqual([550, 1100, 1650, 2200, 2750, 3300, 3850, 4400, 4400]);
    expect(await take(2)).toBe(2400);
    expect(await take(10)).toBe(550);
  });

  test("a pause moves the next turn; a clock that ran ahead by more than any pause is not believed", async () => {
    await parts.database.rows("select pause_turns($1, 30000)", [at(0)]);
    expect(await take(1)).toBe(29_000);
    expect(await take(27)).toBe(3_000);
    await take(3_600);
    expect(await take(30)).toBe(550);
  });

  test("twenty sessions at once get twenty turns", async () => {
    const pool = new pg.Pool({ connectionString: parts.database.appUrl, max: 20 });
    const statement = "select take_turn($1, 10, 4000) as wait";
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => pool.query<{ wait: number }>(statement, [at(0)])),
    );
    await pool.end();
    const waits = answers.flatMap(({ rows }) => rows.map(({ wait }) => wait));
    expect(waits.sort((one, other) => one - other)).toEqual(
      Array.from({ length: 20 }, (_, index) => (index + 1) * 10),
    );
  });
});
