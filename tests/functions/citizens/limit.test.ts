/** How often a network may search, and that nobody may while nobody counts. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useWorld } from "../../support/world.ts";

const world = useWorld({ REDIS_TIMEOUT_MS: "400" });
const log = useLog();

const search = (ip: string) => call("citizens", { tail: "?q=marc", ip });

test.each([
  ["is gone", { kind: "drop_before" }],
  ["drops the answer", { kind: "drop_after" }],
  ["answers 500", { kind: "status", status: 500 }],
  ["hangs", { kind: "latency", latencyMs: 5_000 }],
] as const)("a limiter that %s: 503, and the copy isn't read", async (_, fault) => {
  world.upstash.faults.plan({ ...fault, times: 10 });
  const answer = await search("192.0.2.9");
  expect([answer.status, answer.body.code]).toEqual([503, "limiter_unavailable"]);
  expect(answer.headers.get("retry-after")).toBe("5");
  expect(log.last().trips).toEqual({ redis: 1 });
});

test("the database is away: 503", async () => {
  world.gateway.faults.plan({ kind: "drop_before", times: 10 });
  expect((await search("192.0.2.9")).body.code).toBe("database_unavailable");
});

test("Venice away: suggested all the same", async () => {
  world.airtable.faults.plan({ kind: "drop_before", times: 10 });
  expect((await search("192.0.2.9")).status).toBe(200);
});

// The window slides over two fixed ones: time stands still, in the middle of one.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 20, 12, 5, 30) });
});
afterEach(() => {
  vi.useRealTimers();
});

test("sixty searches a minute from one network; the next is refused, another network's is not", async () => {
  const first = await search("2001:db8:1:2::1");
  expect(first.headers.get("ratelimit-policy")).toBe('"citizens-address";q=60;w=60');
  for (let index = 1; index < 60; index += 1)
    expect((await search(`2001:db8:1:2::${index + 1}`)).status).toBe(200);
  const refused = await search("2001:db8:1:2::ffff");
  expect([refused.status, refused.body.code]).toEqual([429, "rate_limited"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(log.last().trips).toEqual({ redis: 1 });
  expect((await search("2001:db8:1:3::1")).status).toBe(200);
});
