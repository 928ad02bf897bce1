/** What keys may do and who may have one; and how a key that may not is told: 401, 403 and 429 each say one thing. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { newApiKey } from "../../../lib/account/api-key.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { oneDucat, programOf, funded } from "../../support/spending.ts";
import { mailedLink, newCustomer, openAccount, password, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

afterEach(() => {
  vi.useRealTimers();
});

const events = { events: [{ id: "1", meter: "api_call", units: 1 }] };

test("an account whose e-mail isn't verified: 403 email_not_verified and no key; verified, the same session makes one", async () => {
  const { email, ip, signedUp } = await openAccount();
  await signedUp.afterwards;
  const signedIn = await call("login", { json: { email, password, bearer: true }, ip });
  const token: string = signedIn.body.tokens.accessToken;
  const make = () => call("api-keys", { json: { name: "program" }, token });
  const refused = await make();
  expect([refused.status, refused.body.code]).toEqual([403, "email_not_verified"]);
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect((await call("api-keys", { token })).body.keys).toEqual([]);
  await call("email-verification", { json: { token: await mailedLink(email) }, ip });
  expect((await make()).status).toBe(201);
});

test("without a wish a key charges and reports usage, and no more", async () => {
  const customer = await newCustomer();
  const made = await call("api-keys", { json: { name: "program" }, token: customer.token });
  expect(made.body.scopes).toEqual(["usage:write", "usage:read"]);
  expect((await call("credit-status", { token: made.body.key })).status).toBe(403);
});

test.each(["usage:write", "usage:read", "credits:read", "deliveries:write"])(
  "%s can be given, is kept, and opens its own doors only",
  async (scope) => {
    const customer = await newCustomer();
    const { key } = await programOf(customer, [scope]);
    expect((await call("api-keys", { token: customer.token })).body.keys[0].scopes).toEqual([scope]);
    const doors = {
      "usage:write": (await call("usage", { json: events, token: key })).status,
      "usage:read": (await call("usage", { token: key })).status,
      "credits:read": (await call("credit-status", { token: key })).status,
      "deliveries:write": undefined,
    };
    const { [scope as keyof typeof doors]: own, ...others } = doors;
    expect(own).toBe(scope === "deliveries:write" ? undefined : 200);
    expect(new Set(Object.values(others).filter((each) => each !== undefined))).toEqual(new Set([403]));
  },
);

test("a rerolled key has its predecessor's scopes", async () => {
  const customer = await newCustomer();
  await programOf(customer, ["credits:read"]);
  const [{ id }] = (await call("api-keys", { token: customer.token })).body.keys;
  const rerolled = await call("api-keys", { tail: `/${id}`, json: {}, token: customer.token });
  expect(rerolled.body.scopes).toEqual(["credits:read"]);
  expect((await call("credit-status", { token: rerolled.body.key })).status).toBe(200);
});

describe("the last use", () => {
  async function storedUse(accountId: string): Promise<number | null> {
    const [row] = await world.database.rows<{ at: Date | null }>(
      "select last_used_at as at from api_keys where account_id = $1",
      [accountId],
    );
    return row?.at?.getTime() ?? null;
  }

  test("a charge asks Redis and Postgres once each before its answer; the use is written after it", async () => {
    const { customer, spend } = await funded(world, 10);
    const answer = await spend(oneDucat("a"));
    // The line is written with the answer: what comes after isn't in it.
    expect(log.last().trips).toEqual({ redis: 1, postgres: 1 });
    await answer.afterwards;
    expect(await storedUse(customer.id)).not.toBe(null);
    const { keys } = (await call("api-keys", { token: customer.token })).body;
    expect(Date.parse(keys[0].lastUsedAt)).toBe(await storedUse(customer.id));
    world.gateway.faults.forget();
    await (
      await spend(oneDucat("b"))
    ).afterwards;
    expect(world.gateway.faults.seen).toHaveLength(1);
  });

  test("not more often than each quarter of an hour, whatever the key is used for", async () => {
    const { customer, key, spend } = await funded(world, 10);
    const start = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: start });
    await (
      await spend(oneDucat("a"))
    ).afterwards;
    vi.setSystemTime(start + 15 * MINUTE_MS);
    await (
      await call("usage", { token: key })
    ).afterwards;
    expect(await storedUse(customer.id)).toBe(start);
    vi.setSystemTime(start + 15 * MINUTE_MS + 1);
    await (
      await call("usage", { token: key })
    ).afterwards;
    expect(await storedUse(customer.id)).toBe(start + 15 * MINUTE_MS + 1);
  });

  test("that cannot be written changes no answer, and is tried again with the next use", async () => {
    const { customer, spend } = await funded(world, 10);
    world.gateway.faults.plan({ kind: "status", body: "touch_api_key" });
    const answer = await spend(oneDucat("a"));
    expect(answer.status).toBe(200);
    await answer.afterwards;
    expect(await storedUse(customer.id)).toBe(null);
    await (
      await spend(oneDucat("b"))
    ).afterwards;
    expect(await storedUse(customer.id)).not.toBe(null);
  });
});

describe("401, 403 and 429 are never mixed", () => {
  const charge = (token: string) => call("usage", { json: events, token });
  const unknownKey = () => newApiKey({ STRIPE_SECRET_KEY: "sk_test_unknown" }).key;
  const told = ({ status, body, headers }: Awaited<ReturnType<typeof charge>>) => [
    status,
    body.code,
    headers.get("www-authenticate"),
    headers.get("retry-after") !== null,
  ];

  /** All but the last of a minute's calls. */
  async function nearly(token: string): Promise<void> {
    await Promise.all(Array.from({ length: 60 }, () => charge(token)));
  }

  test("an unknown key: 401, and beyond its limit 429, asking the database no more", async () => {
    const key = unknownKey();
    expect(told(await charge(key))).toEqual([401, "unauthenticated", "Bearer", false]);
    await nearly(key);
    world.gateway.faults.forget();
    expect(told(await charge(key))).toEqual([429, "rate_limited", null, true]);
    expect(world.gateway.faults.seen).toEqual([]);
    expect(told(await charge(unknownKey()))[0]).toBe(401);
  });

  test("a key without the scope: 403, and beyond its limit 429; its owner's other key is not held up", async () => {
    const customer = await newCustomer();
    const { key } = await programOf(customer, ["usage:read"]);
    expect(told(await charge(key))).toEqual([403, "insufficient_scope", null, false]);
    await nearly(key);
    expect(told(await charge(key))).toEqual([429, "rate_limited", null, true]);
    expect((await charge((await programOf(customer)).key)).status).toBe(200);
  });

  test.each([
    ["expired", "expires_at = now()"],
    ["revoked", "revoked_at = now()"],
  ])("a key that is %s and lacks the scope: 401, not 403", async (_, change) => {
    const customer = await newCustomer();
    const { key } = await programOf(customer, ["credits:read"]);
    await world.database.rows(`update api_keys set ${change} where account_id = $1`, [customer.id]);
    expect(told(await charge(key))).toEqual([401, "unauthenticated", "Bearer", false]);
    expect(told(await call("usage", { token: key }))).toEqual([401, "unauthenticated", "Bearer", false]);
  });

  test("a key with a typing mistake, or of another kind: 401 without asking anybody", async () => {
    const { key } = await programOf(await newCustomer());
    for (const wrong of [
      `${key.slice(0, -1)}${key.endsWith("a") ? "b" : "a"}`,
      key.toUpperCase(),
      `${key}0`,
    ]) {
      log.forget();
      expect(told(await charge(wrong))).toEqual([401, "unauthenticated", "Bearer", false]);
      expect(log.last().trips).toEqual({});
    }
  });

  test("a bad body from an unknown key is answered by its body, and charges nothing", async () => {
    const answer = await call("usage", { json: {}, token: unknownKey() });
    expect([answer.status, answer.body.code]).toEqual([422, "invalid_field"]);
    expect(log.last().trips).toEqual({});
  });
});
