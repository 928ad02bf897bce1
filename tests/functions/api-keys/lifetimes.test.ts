/** Keys that end by themselves, keys that get a new secret, and text that only looks like a key. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
const log = useLog();
const dayMs = 86_400_000;

const create = ({ token }: Customer, more: object = {}) =>
  call("api-keys", { json: { name: "program", ...more }, token });
const reroll = ({ token }: Customer, id: string, json: object = {}) =>
  call("api-keys", { json, tail: `/${id}`, token });
const list = async ({ token }: Customer) => (await call("api-keys", { token })).body.keys;
const used = async (key: string) => (await call("usage", { token: key })).status;
/** Lets a key's end be in the past. */
const age = (id: string) =>
  world.database.rows("update api_keys set expires_at = now() - interval '1 second' where id = $1", [id]);

test("a key with an end works until then, is 401 afterwards, and makes room for another", async () => {
  const customer = await newCustomer();
  const made = (await create(customer, { expiresInDays: 30 })).body;
  expect(Date.parse(made.expiresAt) - Date.parse(made.createdAt)).toBe(30 * dayMs);
  await create(customer);
  expect((await create(customer)).body.code).toBe("key_limit_reached");
  expect(await used(made.key)).toBe(200);
  await age(made.id);
  expect(await used(made.key)).toBe(401);
  const charge = { events: [{ id: "late", meter: "api_call", units: 1 }] };
  expect((await call("usage", { json: charge, token: made.key })).status).toBe(401);
  expect((await create(customer)).status).toBe(201);
});

test.each([0, 366, 1.5, "30"])("expiresInDays %s is refused", async (expiresInDays) => {
  const answer = await create(await newCustomer(), { expiresInDays });
  expect([answer.status, answer.body.field]).toEqual([422, "expiresInDays"]);
});

test("a rerolled key has a new secret with the old name, scopes and end; the old one works for the overlap", async () => {
  const customer = await newCustomer();
  const old = (await create(customer, { scopes: ["usage:read"], expiresInDays: 90 })).body;
  const answer = await reroll(customer, old.id, { overlapDays: 7 });
  expect(answer.status).toBe(201);
  expect(log.last().trips).toEqual({ postgres: 1 });
  const { key, name, scopes, expiresAt, id } = answer.body;
  expect({ name, scopes, expiresAt }).toEqual({
    name: old.name,
    scopes: old.scopes,
    expiresAt: old.expiresAt,
  });
  expect([await used(old.key), await used(key)]).toEqual([200, 200]);
  const replaced = (await list(customer)).find((each: { id: string }) => each.id === old.id);
  expect(replaced.replacedBy).toBe(id);
  expect(Date.parse(replaced.expiresAt) - Date.now()).toBeLessThanOrEqual(7 * dayMs);
  await age(old.id);
  expect([await used(old.key), await used(key)]).toEqual([401, 200]);
});

test("without an overlap the old secret ends at once; the tier's number is not touched", async () => {
  const customer = await newCustomer();
  const old = (await create(customer)).body;
  await create(customer);
  const fresh = (await reroll(customer, old.id)).body;
  expect([await used(old.key), await used(fresh.key)]).toEqual([401, 200]);
  expect((await create(customer)).body.code).toBe("key_limit_reached");
});

test("ten rerolls of one key at once make one successor", async () => {
  const customer = await newCustomer();
  const { id } = (await create(customer)).body;
  const answers = await Promise.all(Array.from({ length: 10 }, () => reroll(customer, id)));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ body }) => body.code === "key_ended")).toHaveLength(9);
  expect(await list(customer)).toHaveLength(2);
});

test("a revoked, expired or foreign key cannot be rerolled", async () => {
  const customer = await newCustomer();
  const revoked = (await create(customer)).body;
  await call("api-keys", { method: "DELETE", tail: `/${revoked.id}`, token: customer.token });
  expect((await reroll(customer, revoked.id)).body.code).toBe("key_ended");
  const expired = (await create(customer)).body;
  await age(expired.id);
  expect((await reroll(customer, expired.id)).body.code).toBe("key_ended");
  const foreign = (await create(await newCustomer())).body;
  expect((await reroll(customer, foreign.id)).status).toBe(404);
  expect(await used(foreign.key)).toBe(200);
});

test.each([-1, 8, 0.5])("an overlap of %s days is refused", async (overlapDays) => {
  const customer = await newCustomer();
  const { id, key } = (await create(customer)).body;
  const answer = await reroll(customer, id, { overlapDays });
  expect([answer.status, answer.body.field]).toEqual([422, "overlapDays"]);
  expect(await used(key)).toBe(200);
});

test("a mistyped key is 401 without asking the limiter or the database", async () => {
  const { key } = (await create(await newCustomer())).body;
  const wrong = `${key.slice(0, 20)}${key[20] === "a" ? "b" : "a"}${key.slice(21)}`;
  world.gateway.faults.forget();
  world.upstash.faults.forget();
  expect(await used(wrong)).toBe(401);
  expect([world.gateway.faults.seen, world.upstash.faults.seen]).toEqual([[], []]);
});
