/** Wallet to Venice: once per key, never more than there is, and nothing moves unless all agree. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { purse } from "../../support/delivering.ts";
import { useLog } from "../../support/log.ts";
import { funded, programOf } from "../../support/spending.ts";
import { booksBalance, statusOf, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

let keys = 0;
function withdraw(token: string, ducats: unknown, key = `withdrawal-${(keys += 1)}`) {
  return call("withdraw", { json: { ducats }, token, headers: { "idempotency-key": key } });
}

async function deliveriesOf({ token }: Customer): Promise<{ status: string; millis: number }[]> {
  return (await call("deliveries", { token })).body.deliveries;
}

const deliver = () => call("deliver-ducats", { json: {} });

test("202: the ducats leave the wallet, arrive in Venice, and every step is told", async () => {
  const { customer } = await funded(world, 25);
  const before = purse(world, customer.citizen);
  const answer = await withdraw(customer.token, 20);
  expect([answer.status, answer.body.walletMillis]).toEqual([202, 5_000]);
  expect(answer.body.delivery).toMatchObject({ status: "pending", millis: 20_000, purchaseId: null });
  expect(log.last().trips).toEqual({ redis: 2, postgres: 2, venice: 1 });
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 5_000, transitMillis: 20_000 });
  await deliver();
  await world.airtable.runGame();
  await deliver();
  expect(purse(world, customer.citizen) - before).toBe(20);
  const { body } = await call("deliveries", { tail: `/${answer.body.delivery.id}`, token: customer.token });
  expect(body.delivery.status).toBe("executed");
  expect(body.steps.map(({ status }: { status: string }) => status)).toEqual([
    "pending",
    "planned",
    "active",
    "executed",
  ]);
  await booksBalance(world);
});

test("the same key ten times at once is one withdrawal; with another amount it is refused", async () => {
  const { customer } = await funded(world, 100);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => withdraw(customer.token, 10, "ten-times")),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 202));
  expect(new Set(answers.map(({ body }) => body.delivery.id)).size).toBe(1);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 90_000, transitMillis: 10_000 });
  const other = await withdraw(customer.token, 11, "ten-times");
  expect([other.status, other.body.code]).toEqual([409, "idempotency_key_reused"]);
});

test("ten withdrawals of three at once from a wallet of ten: three, and nothing below zero", async () => {
  const { customer } = await funded(world, 10);
  const answers = await Promise.all(Array.from({ length: 10 }, () => withdraw(customer.token, 3)));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(3);
  for (const { status, body } of answers.filter((each) => each.status !== 202))
    expect([status, body.code, body.field]).toEqual([409, "insufficient_ducats", "ducats"]);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 1_000, transitMillis: 9_000 });
  await booksBalance(world);
});

test("the answer lost: the same key again finds the withdrawal", async () => {
  const { customer } = await funded(world, 10);
  world.gateway.faults.plan({ kind: "drop_after", path: "/sql", skip: 1 });
  expect((await withdraw(customer.token, 4, "lost")).status).toBe(503);
  expect((await withdraw(customer.token, 4, "lost")).status).toBe(202);
  expect(await deliveriesOf(customer)).toHaveLength(1);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 6_000 });
});

test("a retry needs no citizen in Venice: what was accepted is answered as before", async () => {
  const { customer } = await funded(world, 10);
  const own = world.airtable.addCitizen({ Username: "GoneTomorrow", Ducats: 0 });
  await world.database.rows("update accounts set citizen = 'GoneTomorrow' where id = $1", [customer.id]);
  const first = await withdraw(customer.token, 4, "gone");
  expect(first.status).toBe(202);
  world.airtable.remove("CITIZENS", own.id);
  expect((await withdraw(customer.token, 4, "gone")).body).toEqual(first.body);
  expect((await withdraw(customer.token, 4)).body.code).toBe("unknown_citizen");
});

test.each([
  [
    "Venice",
    () => world.airtable.faults.plan({ kind: "status", status: 503, times: 5 }),
    "venice_unavailable",
  ],
  [
    "the limiter",
    () => world.upstash.faults.plan({ kind: "status", status: 500, times: 5 }),
    "limiter_unavailable",
  ],
  [
    "the database",
    () => world.gateway.faults.plan({ kind: "drop_before", times: 5 }),
    "database_unavailable",
  ],
] as const)("%s away: 503, and no ducat moves", async (_, away, code) => {
  const { customer } = await funded(world, 10);
  away();
  const answer = await withdraw(customer.token, 4);
  expect([answer.status, answer.body.code]).toEqual([503, code]);
  for (const part of [world.airtable, world.upstash, world.gateway]) part.faults.clear();
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 10_000, transitMillis: 0 });
});

test("a citizen who has left Venice: 422, and no ducat moves", async () => {
  const { customer } = await funded(world, 10);
  await world.database.rows("update accounts set citizen = 'Gone_Away' where id = $1", [customer.id]);
  const answer = await withdraw(customer.token, 4);
  expect([answer.status, answer.body.code]).toEqual([422, "unknown_citizen"]);
  expect(await deliveriesOf(customer)).toEqual([]);
});

test.each([0, -1, 1.5, 1_000_001, "5", null])("%s ducats is refused by its field", async (ducats) => {
  const { customer } = await funded(world, 10);
  const answer = await withdraw(customer.token, ducats);
  expect([answer.status, answer.body.field]).toEqual([422, "ducats"]);
});

test("without an Idempotency-Key: 400", async () => {
  const { customer } = await funded(world, 10);
  const answer = await call("withdraw", { json: { ducats: 1 }, token: customer.token });
  expect([answer.status, answer.body.code]).toEqual([400, "idempotency_key_required"]);
});

test("a program needs the scope deliveries:write", async () => {
  const { customer, key } = await funded(world, 10);
  expect((await withdraw(key, 1)).body.code).toBe("insufficient_scope");
  const { key: allowed } = await programOf(customer, ["deliveries:write"]);
  expect((await withdraw(allowed, 1)).status).toBe(202);
  const [entry] = (await call("audit", { token: customer.token })).body.entries;
  expect(entry).toMatchObject({ act: "delivery.asked", detail: { millis: 1_000 } });
});
