/** Without the limiter's yes no account is opened. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useWorld } from "../../support/world.ts";

const world = useWorld({ REDIS_TIMEOUT_MS: "400" });
const log = useLog();

test.each([
  ["is gone", { kind: "drop_before" }],
  ["drops the answer", { kind: "drop_after" }],
  ["answers 500", { kind: "status", status: 500 }],
  ["hangs", { kind: "latency", latencyMs: 5_000 }],
] as const)("a limiter that %s: 503, Venice isn't asked and no account stored", async (_, fault) => {
  world.upstash.faults.plan({ ...fault, times: 10 });
  const json = { email: "nobody@example.com", password: "correct horse battery", citizen: "RialtoBanker" };
  const answer = await call("signup", { json });
  expect([answer.status, answer.body.code]).toEqual([503, "limiter_unavailable"]);
  expect(log.last().trips).toEqual({ redis: 1 });
  expect(world.airtable.faults.seen).toEqual([]);
  expect(await world.database.rows("select 1 from accounts")).toEqual([]);
});
