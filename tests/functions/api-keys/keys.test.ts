/** API keys: shown once, kept as a hash, listed by a hint, revoked for good, never more than the tier allows. */
import { createHash } from "node:crypto";
import { expect, test, vi } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { giveTier } from "../../support/subscribing.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

function create({ token }: Customer, json: object = { name: "program" }) {
  return call("api-keys", { json, token });
}

function list({ token }: Customer) {
  return call("api-keys", { token });
}

function revoke({ token }: Customer, id: string) {
  return call("api-keys", { method: "DELETE", tail: `/${id}`, token });
}

/** What a program's call is answered with. */
async function used(key: string): Promise<number> {
  return (await call("usage", { token: key })).status;
}

test("a key is shown once: 201, and the database holds its hash only", async () => {
  const customer = await newCustomer();
  const made = await create(customer, { name: "  my program " });
  expect(made.status).toBe(201);
  const { id, key, hint } = made.body;
  expect(key).toMatch(/^ck_test_[0-9a-z]{39}$/);
  expect(made.body).toMatchObject({ name: "my program", scopes: ["usage:write", "usage:read"] });
  expect(hint).toBe(`${key.slice(0, 12)}…${key.slice(-4)}`);
  const [stored] = await world.database.rows("select * from api_keys where id = $1", [id]);
  expect(stored).toMatchObject({
    account_id: customer.id,
    hash: createHash("sha256").update(key).digest(),
    revoked_at: null,
  });
  expect(JSON.stringify(stored)).not.toContain(key.slice(12, -4));
  const listed = await list(customer);
  expect(listed.text).not.toContain(key.slice(12, -4));
  const { name, scopes, createdAt } = made.body;
  expect(listed.body.keys).toEqual([
    {
      ...{ id, name, hint, scopes, createdAt },
      expiresAt: null,
      lastUsedAt: null,
      revokedAt: null,
      replacedBy: null,
    },
  ]);
  expect(log.text()).not.toContain(key.slice(12, -4));
});

test("making, listing and revoking cost one round trip each", async () => {
  const customer = await newCustomer();
  const { id } = (await create(customer)).body;
  expect(log.last().trips).toEqual({ postgres: 1 });
  await list(customer);
  expect(log.last().trips).toEqual({ postgres: 1 });
  await revoke(customer, id);
  expect(log.last().trips).toEqual({ postgres: 1 });
});

test("every key is another one", async () => {
  const keys = [];
  for (let index = 0; index < 3; index += 1) {
    const customer = await newCustomer();
    keys.push((await create(customer)).body.key, (await create(customer)).body.key);
  }
  expect(new Set(keys).size).toBe(6);
});

test("keys are listed newest first, the revoked ones too", async () => {
  const customer = await newCustomer();
  const older = (await create(customer, { name: "older" })).body;
  await world.database.rows("update api_keys set created_at = created_at - interval '1 hour' where id = $1", [
    older.id,
  ]);
  await create(customer, { name: "newer" });
  await revoke(customer, older.id);
  const { keys } = (await list(customer)).body;
  expect(keys.map(({ name }: { name: string }) => name)).toEqual(["newer", "older"]);
  expect(keys[0].revokedAt).toBe(null);
  expect(Date.parse(keys[1].revokedAt)).toBeGreaterThan(0);
});

test("a revoked key is refused at once; revoking again changes nothing", async () => {
  const customer = await newCustomer();
  const { id, key } = (await create(customer)).body;
  expect(await used(key)).toBe(200);
  expect((await revoke(customer, id)).status).toBe(204);
  const report = await call("usage", { token: key });
  expect([report.status, report.body.code]).toEqual([401, "unauthenticated"]);
  expect(report.headers.get("www-authenticate")).toBe("Bearer");
  const charge = await call("usage", {
    json: { events: [{ id: "1", meter: "api_call", units: 1 }] },
    token: key,
  });
  expect([charge.status, charge.body.code]).toEqual([401, "unauthenticated"]);
  const [{ revokedAt }] = (await list(customer)).body.keys;
  expect((await revoke(customer, id)).status).toBe(204);
  expect((await list(customer)).body.keys[0].revokedAt).toBe(revokedAt);
});

test("a key that was never made is refused", async () => {
  expect(await used(`ck_test_${"a".repeat(32)}`)).toBe(401);
});

test("the tier's two keys under ten creations at once: two are made", async () => {
  const customer = await newCustomer();
  // Nobody may write until all ten have begun: each that looks before it waits would see no key.
  await world.database.rows("begin");
  await world.database.rows("lock table api_keys in exclusive mode");
  const creations = Promise.all(Array.from({ length: 10 }, () => create(customer)));
  try {
    await vi.waitFor(
      async () => {
        await world.database.rows("select pg_stat_clear_snapshot()");
        const waiting = await world.database.rows(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        expect(waiting).toHaveLength(10);
      },
      { timeout: 5_000 },
    );
  } finally {
    await world.database.rows("commit");
  }
  const answers = await creations;
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(2);
  const refused = answers.filter(({ status }) => status !== 201);
  expect(new Set(refused.map(({ status, body }) => `${status} ${body.code}`))).toEqual(
    new Set(["409 key_limit_reached"]),
  );
  const stored = await world.database.rows("select 1 from api_keys where account_id = $1", [customer.id]);
  expect(stored).toHaveLength(2);
});

test("a revoked key makes room for one, not for more", async () => {
  const customer = await newCustomer();
  const { id } = (await create(customer)).body;
  await create(customer);
  expect((await create(customer)).status).toBe(409);
  await revoke(customer, id);
  await revoke(customer, id);
  expect((await create(customer)).status).toBe(201);
  expect((await create(customer)).body.code).toBe("key_limit_reached");
});

test("a higher tier may have more", async () => {
  const customer = await newCustomer();
  await giveTier(world.database, customer.id, "builder");
  const answers = [];
  for (let index = 0; index < 6; index += 1) answers.push((await create(customer)).status);
  expect(answers).toEqual([201, 201, 201, 201, 201, 409]);
});

test("another account's key cannot be revoked or seen: 404, and it goes on working", async () => {
  const [owner, other] = [await newCustomer(), await newCustomer()];
  const { id, key } = (await create(owner)).body;
  const answer = await revoke(other, id);
  expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  expect(await used(key)).toBe(200);
  expect((await list(other)).body.keys).toEqual([]);
});

test.each(["key_00000000000000000000", "nonsense", "%27%20or%201=1", "%00", "é"])(
  "revoking %s is 404",
  async (id) => {
    const answer = await revoke(await newCustomer(), id);
    expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  },
);

test("a key cannot make, list or revoke keys: that takes its owner", async () => {
  const customer = await newCustomer();
  const { id, key } = (await create(customer)).body;
  for (const answer of [
    await call("api-keys", { json: { name: "child" }, token: key }),
    await call("api-keys", { token: key }),
    await call("api-keys", { method: "DELETE", tail: `/${id}`, token: key }),
    await call("create-checkout", {
      json: { pack: "starter" },
      token: key,
      headers: { "idempotency-key": "k" },
    }),
  ])
    expect([answer.status, answer.body.code]).toEqual([401, "unauthenticated"]);
  expect(await used(key)).toBe(200);
});

test("a key does what its scopes say", async () => {
  const customer = await newCustomer();
  const reader = (await create(customer, { name: "reader", scopes: ["usage:read"] })).body.key;
  const writer = (await create(customer, { name: "writer", scopes: ["usage:write"] })).body.key;
  const events = { events: [{ id: "scoped", meter: "api_call", units: 1 }] };
  expect(await used(reader)).toBe(200);
  expect((await call("usage", { json: events, token: reader })).body.code).toBe("insufficient_scope");
  expect((await call("usage", { json: events, token: writer })).status).toBe(200);
  expect((await call("usage", { token: writer })).body.code).toBe("insufficient_scope");
});

test.each([
  ["no name", {}, "name"],
  ["an empty name", { name: "  " }, "name"],
  ["a name too long", { name: "a".repeat(81) }, "name"],
  ["no scope", { name: "a", scopes: [] }, "scopes"],
  ["an unknown scope", { name: "a", scopes: ["usage:everything"] }, "scopes.0"],
  ["a key of the client's own", { name: "a", key: "ck_test_1" }, "key"],
])("%s is refused by its field, and no key is made", async (_, json, field) => {
  const customer = await newCustomer();
  const answer = await create(customer, json);
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_field", field]);
  expect((await list(customer)).body.keys).toEqual([]);
});

test("a name is text, whatever stands in it", async () => {
  const customer = await newCustomer();
  const name = `'); drop table api_keys; -- "<script>" \\ \u{1f511}`;
  expect((await create(customer, { name })).body.name).toBe(name);
  expect((await list(customer)).body.keys[0].name).toBe(name);
});

test("the database's answer lost: 503, no key shown; what was made is listed and can be revoked", async () => {
  const customer = await newCustomer();
  world.gateway.faults.plan({ kind: "drop_after" });
  const lost = await create(customer);
  expect([lost.status, lost.body.code]).toEqual([503, "database_unavailable"]);
  const { keys } = (await list(customer)).body;
  expect(keys).toHaveLength(1);
  expect((await revoke(customer, keys[0].id)).status).toBe(204);
});
