/** Balances read by a program: with a key that may, and with no other; the signed-in customer reads on. */
import { afterEach, expect, test, vi } from "vitest";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { programOf } from "../../support/spending.ts";
import { newCustomer, statusOf, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

afterEach(() => {
  vi.useRealTimers();
});

const read = (token: string) => call("credit-status", { token });
const lastUsed = async ({ token }: Customer): Promise<string | null> =>
  (await call("api-keys", { token })).body.keys[0].lastUsedAt;

test("a key with credits:read reads what its owner reads", async () => {
  const customer = await newCustomer();
  await world.database.rows(
    "select post(now(), $1, 'planted', array[('wallet', $1, 7000)::leg, ('issuance', null, -7000)::leg])",
    [customer.id],
  );
  const { key } = await programOf(customer, ["credits:read"]);
  const answer = await read(key);
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ walletMillis: 7_000, citizen: customer.citizen });
  expect(answer.body).toEqual(await statusOf(customer));
  await answer.afterwards;
});

test.each([[["usage:read", "usage:write"]], [["deliveries:write"]]])(
  "a key for %j only: 403, and no purse is looked at",
  async (scopes) => {
    const customer = await newCustomer();
    const { key } = await programOf(customer, scopes);
    log.forget();
    const answer = await read(key);
    expect([answer.status, answer.body.code]).toEqual([403, "insufficient_scope"]);
    expect(log.last().trips).toEqual({ postgres: 1 });
    expect(await lastUsed(customer)).toBe(null);
  },
);

test("a key with credits:read does nothing else: 403 for usage, 401 where a person must be", async () => {
  const { key } = await programOf(await newCustomer(), ["credits:read"]);
  const events = [{ id: "1", meter: "api_call", units: 1 }];
  expect((await call("usage", { token: key })).status).toBe(403);
  expect((await call("usage", { token: key, json: { events } })).status).toBe(403);
  expect((await call("me", { token: key })).status).toBe(401);
  expect((await call("audit", { token: key })).status).toBe(401);
});

test("revoked, expired or unknown: 401", async () => {
  const customer = await newCustomer();
  const { key } = await programOf(customer, ["credits:read"]);
  await world.database.rows("update api_keys set expires_at = now() where account_id = $1", [customer.id]);
  expect((await read(key)).status).toBe(401);
  await world.database.rows(
    "update api_keys set expires_at = null, revoked_at = now() where account_id = $1",
    [customer.id],
  );
  expect((await read(key)).status).toBe(401);
  // The last key's look-alike: its checksum is right, it was never made.
  await world.database.rows("delete from api_keys where account_id = $1", [customer.id]);
  expect((await read(key)).status).toBe(401);
});

test("its last use is written after the answer, once a quarter of an hour", async () => {
  const customer = await newCustomer();
  const { key } = await programOf(customer, ["credits:read"]);
  const start = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  const at = (ms: number) => new Date(start + ms).toISOString();
  for (const [elapsed, shown] of [
    [0, 0],
    [14, 0],
    [15, 0],
    [16, 16],
  ] as const) {
    vi.setSystemTime(start + elapsed * MINUTE_MS);
    await (
      await read(key)
    ).afterwards;
    const [row] = await world.database.rows<{ at: Date }>(
      "select last_used_at as at from api_keys where account_id = $1",
      [customer.id],
    );
    expect(row?.at.toISOString()).toBe(at(shown * MINUTE_MS));
  }
});
