/** A silent Redis holds no request: the 503 comes within 250 milliseconds. */
import { expect, test } from "vitest";
import type { CallOptions } from "../support/call.ts";
import { useLog } from "../support/log.ts";
import { newCustomer, useWorld } from "../support/world.ts";
import { median } from "./mann-whitney.ts";
import { address, ms, report, timed } from "./stopwatch.ts";

/** What the API promises; and what this process, which plays Redis as well, may add. */
const promisedMs = 250;
const toleranceMs = 50;
const rounds = 20;

const world = useWorld({ REDIS_TIMEOUT_MS: "200" });
useLog();

async function takenWhileHung(name: string, options: CallOptions): Promise<number[]> {
  const all = [];
  for (let round = 0; round <= rounds; round += 1) {
    world.upstash.faults.plan({ kind: "latency", latencyMs: 2_000, times: 4 });
    const { taken, status } = await timed(name, { ...options, ip: address() });
    world.upstash.faults.clear();
    expect(status).toBe(503);
    // The first one loads the function.
    if (round > 0) all.push(taken);
  }
  return all.sort((a, b) => a - b);
}

const event = { id: "1", meter: "api_call", units: 1 };

test.each([
  ["login", { email: "nobody@example.com", password: "wrong horse battery" }],
  ["usage", { events: [event] }],
])("%s: 503 within 250 ms while Redis hangs", async (name, json) => {
  const { token } = await newCustomer();
  const all = await takenWhileHung(name, { json, ...(name === "usage" && { token }) });
  const late = all.filter((each) => each > promisedMs + toleranceMs);
  report(`${name}, Redis hung: median ${ms(median(all))}, longest ${ms(all.at(-1) ?? NaN)}`);
  // One in ten may be the machine's.
  expect(late.length).toBeLessThanOrEqual(rounds / 10);
});

test("login: 503 within 250 ms while Redis is slow, has forgotten its scripts, and then hangs", async () => {
  await newCustomer();
  const json = { email: "nobody@example.com", password: "wrong horse battery" };
  await timed("login", { json, ip: address() });
  await world.upstash.run(["script", "flush"]);
  world.upstash.faults.plan({ kind: "latency", latencyMs: 130, times: 2 });
  world.upstash.faults.plan({ kind: "latency", latencyMs: 2_000, times: 4 });
  const { taken, status } = await timed("login", { json, ip: address() });
  report(`login, Redis slow and without its scripts, then hung: ${status} after ${ms(taken)}`);
  expect(status).toBe(503);
  expect(taken).toBeLessThan(promisedMs + toleranceMs);
});
