/** Without the limiter's yes no charge is sent. */
import { expect, test } from "vitest";
import { funded, oneDucat } from "../../support/spending.ts";
import { statusOf, useWorld } from "../../support/world.ts";

const world = useWorld({ REDIS_TIMEOUT_MS: "200" });

test.each([
  ["refuses", { kind: "status", status: 500 }],
  ["hangs", { kind: "latency", latencyMs: 5_000 }],
  ["drops the answer", { kind: "drop_after" }],
  ["is gone", { kind: "drop_before" }],
] as const)("a limiter that %s: 503, and nothing is charged or even asked", async (_, fault) => {
  const { customer, spend } = await funded(world, 5);
  world.gateway.faults.forget();
  world.upstash.faults.plan({ ...fault, times: 10 });
  const answer = await spend(oneDucat("x"));
  expect([answer.status, answer.body.code]).toEqual([503, "limiter_unavailable"]);
  expect(answer.headers.get("retry-after")).not.toBe(null);
  expect(world.gateway.faults.seen).toHaveLength(0);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 5_000 });
});
