/** Passkeys of one's own: offered, added, listed, renamed, removed. */
import { beforeAll, expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { enrol, newAuthenticator, offered, signInByPasskey } from "../../support/authenticator.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
const log = useLog();
let owner: Customer;
let stranger: Customer;
beforeAll(async () => {
  [owner, stranger] = [await newCustomer(), await newCustomer()];
});

type Token = Pick<Customer, "token">;

function rename({ token }: Token, id: string, name: string) {
  return call("passkeys", { json: { name }, tail: `/${id}`, token });
}

function remove({ token }: Token, id: string) {
  return call("passkeys", { method: "DELETE", tail: `/${id}`, token });
}

async function listed({ token }: Token): Promise<{ id: string; name: string }[]> {
  return (await call("passkeys", { token })).body.passkeys;
}

function audited(customer: Customer) {
  return world.database.rows(
    "select actor, act, detail, network from audit_log where account_id = $1 and act like 'passkey.%' order by id",
    [customer.id],
  );
}

test("the options are this site's, for a passkey that its owner unlocks and that finds the account by itself", async () => {
  const customer = await newCustomer();
  const { challenge, options } = await offered(customer);
  expect(log.last().trips).toMatchObject({ postgres: 2 });
  expect(challenge).toMatch(/^chl_[0-9a-z]{20}$/);
  expect(options).toMatchObject({
    rp: { id: "cascade.test", name: "CASCADE" },
    user: { name: customer.email, id: Buffer.from(customer.id).toString("base64url") },
    attestation: "none",
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
    excludeCredentials: [],
  });
  expect(Buffer.from(options.challenge, "base64url").length).toBeGreaterThanOrEqual(16);
  expect((await offered(customer)).options.challenge).not.toBe(options.challenge);
});

test("the options exclude one's own passkeys, and only those; of each they say no more than a browser needs", async () => {
  const [mine, theirs] = [newAuthenticator(), newAuthenticator()];
  expect((await enrol(owner, mine)).status).toBe(200);
  expect((await enrol(stranger, theirs)).status).toBe(200);
  const { options } = await offered(owner);
  expect(options.excludeCredentials).toContainEqual({
    id: mine.id,
    type: "public-key",
    transports: ["internal"],
  });
  expect(JSON.stringify(options)).not.toContain(theirs.id);
  await expect(enrol(owner, mine)).rejects.toThrow("InvalidStateError");
});

test("an added passkey is listed by its name, and signs in", async () => {
  const customer = await newCustomer();
  const [phone, key] = [newAuthenticator({ synced: true }), newAuthenticator()];
  const { challenge, options } = await offered(customer);
  const added = await call("passkeys", {
    json: { challenge, credential: phone.create(options), name: " My phone " },
    token: customer.token,
  });
  expect([added.status, added.body]).toEqual([200, { id: phone.id }]);
  expect(log.last().trips).toMatchObject({ postgres: 2 });
  expect((await enrol(customer, key)).status).toBe(200);
  expect((await signInByPasskey(phone)).body.account.id).toBe(customer.id);
  const createdAt = expect.stringMatching(/^20.*Z$/);
  expect((await call("passkeys", { token: customer.token })).body.passkeys).toEqual([
    { id: phone.id, name: "My phone", synced: true, createdAt, lastUsedAt: createdAt },
    { id: key.id, name: "Passkey", synced: false, createdAt, lastUsedAt: null },
  ]);
  expect(log.last().trips).toEqual({ postgres: 1 });
  const act = "passkey.added";
  expect(await audited(customer)).toEqual([
    { actor: customer.id, act, detail: { name: "My phone" }, network: "203.0.113.7" },
    { actor: customer.id, act, detail: { name: "Passkey" }, network: "203.0.113.7" },
  ]);
});

test("a passkey is renamed and removed: 204, and then it is not there (404)", async () => {
  const customer = await newCustomer();
  const device = newAuthenticator();
  await enrol(customer, device);
  expect((await rename(customer, device.id, " Laptop ")).status).toBe(204);
  expect(await listed(customer)).toMatchObject([{ id: device.id, name: "Laptop" }]);
  expect((await remove(customer, device.id)).status).toBe(204);
  expect(await listed(customer)).toEqual([]);
  for (const answer of [await remove(customer, device.id), await rename(customer, device.id, "Gone")])
    expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  expect((await audited(customer)).map(({ act, detail }) => ({ act, detail }))).toEqual([
    { act: "passkey.added", detail: { name: "Passkey" } },
    { act: "passkey.renamed", detail: { name: "Laptop" } },
    { act: "passkey.removed", detail: { name: "Laptop" } },
  ]);
  expect((await enrol(customer, device)).status).toBe(200);
});

test("another account's passkey is not there (404), and stays as it is", async () => {
  const device = newAuthenticator();
  await enrol(owner, device);
  const before = await listed(owner);
  for (const answer of [await rename(stranger, device.id, "Mine"), await remove(stranger, device.id)])
    expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  expect(await listed(owner)).toEqual(before);
  expect(await listed(stranger)).not.toContainEqual(expect.objectContaining({ id: device.id }));
  expect((await signInByPasskey(device)).body.account.id).toBe(owner.id);
});

test("a session that has ended, or none, gets nothing (401) and changes nothing", async () => {
  const customer = await newCustomer();
  const [known, fresh] = [newAuthenticator(), newAuthenticator()];
  await enrol(customer, known);
  const { challenge, options } = await offered(customer);
  const credential = fresh.create(options);
  await call("logout", { json: {}, token: customer.token });
  const before = await world.database.rows("select * from passkeys order by id");
  const challenges = await world.database.rows("select * from challenges order by id");
  for (const token of [customer.token, undefined, "nonsense"]) {
    for (const answer of [
      await call("passkeys", { token }),
      await call("passkeys", { json: {}, token }),
      await call("passkeys", { json: { challenge, credential }, token }),
      await call("passkeys", { json: { name: "x" }, tail: `/${known.id}`, token }),
      await call("passkeys", { method: "DELETE", tail: `/${known.id}`, token }),
    ])
      expect(answer.status, answer.text).toBe(401);
  }
  expect(await world.database.rows("select * from passkeys order by id")).toEqual(before);
  expect(await world.database.rows("select * from challenges order by id")).toEqual(challenges);
});

test.each(["RS256", "EdDSA"] as const)(
  "a passkey that signs by %s is added and signs in",
  async (algorithm) => {
    const device = newAuthenticator({ algorithm });
    expect((await enrol(owner, device)).status).toBe(200);
    expect((await signInByPasskey(device)).body.account.id).toBe(owner.id);
  },
);

test.each([
  ["an empty name", { name: " " }],
  ["a name of 81 letters", { name: "a".repeat(81) }],
  ["a name with NUL", { name: "a\0b" }],
  ["half a letter", { name: "\ud800" }],
  ["no name", {}],
  ["something else, too", { name: "ok", id: "mine" }],
])("renaming with %s is refused: 422", async (_, json) => {
  const answer = await call("passkeys", { json, tail: "/some-id", token: owner.token });
  expect([answer.status, answer.body.code]).toEqual([422, "invalid_field"]);
});

test("ids of any kind in the address are not there: 404", async () => {
  for (const id of ["unknown", "%00", "%ED%A0%80", "'; drop table passkeys; --", "x".repeat(8_000)])
    expect((await remove(owner, id)).status, id.slice(0, 20)).toBe(404);
});

test("books that are away: 503, and nothing was done", async () => {
  const device = newAuthenticator();
  const { challenge, options } = await offered(owner);
  const credential = device.create(options);
  world.gateway.faults.plan({ kind: "drop_before", times: 10 });
  for (const answer of [
    await call("passkeys", { token: owner.token }),
    await call("passkeys", { json: {}, token: owner.token }),
    await call("passkeys", { json: { challenge, credential }, token: owner.token }),
    await remove(owner, device.id),
  ])
    expect([answer.status, answer.body.code]).toEqual([503, "database_unavailable"]);
  world.gateway.faults.clear();
  const again = await call("passkeys", { json: { challenge, credential }, token: owner.token });
  expect(again.status).toBe(200);
});
