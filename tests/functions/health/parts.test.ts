/** Whether the parts answer, and how much waits for a person; always 200, so that a monitor can read which. */
import { expect, test, vi } from "vitest";
import { HOUR_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { setTown, step } from "../../support/rating.ts";
import { deliver, newCustomer, openPurchase, paidPurchase, useWorld } from "../../support/world.ts";

const world = useWorld({ REDIS_TIMEOUT_MS: "400" });
const log = useLog();

test("all is well: ok, no warning, one round trip each", async () => {
  await setTown(world);
  await step();
  const { status, body } = await call("health");
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: "ok", checks: { postgres: "ok", redis: "ok" }, warnings: [] });
  expect(Math.abs(Date.parse(body.at) - Date.now())).toBeLessThan(60_000);
  expect(log.last().trips).toEqual({ postgres: 1, redis: 1 });
});

test.each([
  ["postgres", "gateway", { kind: "drop_before" }],
  ["postgres", "gateway", { kind: "status", status: 500 }],
  ["redis", "upstash", { kind: "drop_before" }],
  ["redis", "upstash", { kind: "status", status: 500 }],
  ["redis", "upstash", { kind: "latency", latencyMs: 5_000 }],
] as const)("%s down (%s %j): degraded, the other is shown as it is", async (part, standIn, fault) => {
  world[standIn].faults.plan({ ...fault, times: 5 });
  const { status, body } = await call("health");
  expect(status).toBe(200);
  expect(body.status).toBe("degraded");
  expect(body.checks).toEqual({ postgres: "ok", redis: "ok", [part]: "down" });
});

test("both down: degraded, and still an answer", async () => {
  for (const part of [world.gateway, world.upstash]) part.faults.plan({ kind: "drop_before", times: 5 });
  expect((await call("health")).body).toMatchObject({
    status: "degraded",
    checks: { postgres: "down", redis: "down" },
    counts: {},
  });
});

test("a rate that doesn't follow its inputs is said, and why; all else is well", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10 * HOUR_MS });
  try {
    const warnings = async () => {
      const { body } = await call("health");
      expect(body.status).toBe("ok");
      return body.warnings;
    };
    expect(await warnings()).toEqual([expect.stringContaining("update-rate has not run")]);
    await step();
    expect(await warnings()).toEqual([expect.stringContaining("not in Redis")]);
    vi.setSystemTime(Date.now() + HOUR_MS);
    await setTown(world, { level: "eleven" });
    await step();
    expect(await warnings()).toEqual([expect.stringContaining("no numbers")]);
    vi.setSystemTime(Date.now() + HOUR_MS);
    await setTown(world);
    await step();
    expect(await warnings()).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});

async function counts(): Promise<Record<string, number>> {
  return (await call("health")).body.counts;
}

/** The counts, some of them one higher. */
function oneMore(before: Record<string, number>, ...names: string[]): Record<string, number> {
  return { ...before, ...Object.fromEntries(names.map((name) => [name, (before[name] ?? NaN) + 1])) };
}

test("what waits for somebody is counted", async () => {
  const customer = await newCustomer();
  const before = await counts();
  const { purchaseId, completed } = await paidPurchase(world, customer, { pack: "starter" });
  world.airtable.faults.plan({ kind: "status", status: 503, times: 10 });
  await (
    await deliver(completed)
  ).afterwards;
  const parked = {
    ...completed.data.object,
    id: "cs_test_unknown",
    metadata: {},
    client_reference_id: null,
    payment_intent: "pi_unknown",
  };
  await deliver({ ...completed, id: "evt_parked", data: { object: parked } });
  await deliver({
    ...completed,
    id: "evt_wrong",
    data: { object: { ...completed.data.object, amount_total: 1, payment_intent: "pi_other" } },
  });
  // The receipt, and the operator's alert.
  const letters = oneMore(oneMore(before, "queuedLetters"), "queuedLetters");
  expect(await counts()).toEqual(oneMore(letters, "openAlerts", "parkedEvents", "waitingDeliveries"));
  await world.database.rows(
    "update deliveries set status = 'uncertain', concluded_at = now() where purchase_id = $1",
    [purchaseId],
  );
  expect(await counts()).toEqual(oneMore(letters, "openAlerts", "parkedEvents", "uncertainDeliveries"));
});

test("money that is going back, notices nobody could write, and the age of the copy of Venice's citizens", async () => {
  const { purchaseId } = await openPurchase(await newCustomer());
  const before = await counts();
  expect(before["citizensAgeMinutes"]).toBeUndefined();
  await world.database.rows(
    `insert into disputes (id, payment, amount_cents, status, reason, created_at)
     values ('du_1', 'pi_1', 1, 'needs_response', 'fraudulent', now()), ('du_2', 'pi_1', 1, 'won', 'fraudulent', now())`,
  );
  await world.database.rows(
    `insert into refund_requests (id, payment, purchase_id, amount_cents, reason, next_at, idempotency_key, created_at)
     values ('rfd_00000000000000000000', 'pi_1', $1, 1, 'asked', now(), 'once', now())`,
    [purchaseId],
  );
  await world.database.rows(
    `insert into venice_notices (kind, object, citizen, data, state, next_at, created_at, ended_at)
     values ('paid', 'pur_1', 'RialtoBanker', '{}', 'given_up', now(), now(), now())`,
  );
  await world.database.rows(
    `insert into citizens_walk (token, began_at, completed_at) values (1, now(), now() - interval '125 minutes 30 seconds')
     on conflict (singleton) do update set completed_at = excluded.completed_at`,
  );
  expect(await counts()).toEqual({
    ...oneMore(before, "openDisputes", "askedRefunds", "givenUpNotices"),
    citizensAgeMinutes: 125,
  });
});

test("nothing of anybody stands in it", async () => {
  const { email, id } = await newCustomer();
  const { text } = await call("health");
  for (const personal of [email, id, "RialtoBanker", "@"]) expect(text).not.toContain(personal);
});
