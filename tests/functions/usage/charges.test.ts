/** Spending: what a usage call charges, once, in order, and never beyond the wallet or against the limiter. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { funded as fundedIn, oneDucat, programOf } from "../../support/spending.ts";
import { booksBalance, statusOf, useWorld } from "../../support/world.ts";

const world = useWorld();
const funded = (ducats: number) => fundedIn(world, ducats);

test("an event is charged by its meter's weight and the tier's price, and reported by day and meter", async () => {
  const { customer, spend, key } = await funded(10);
  const answer = await spend(
    { id: "a", meter: "api_call", units: 3 },
    { id: "b", meter: "stratagem", units: 1, at: new Date(Date.now() - 86_400_000).toISOString() },
  );
  expect(answer.body).toEqual({
    results: [
      { id: "a", outcome: "charged", chargedMillis: 30 },
      { id: "b", outcome: "charged", chargedMillis: 500 },
    ],
    walletMillis: 9_470,
  });
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 9_470 });
  const today = new Date().toISOString().slice(0, 10);
  const report = await call("usage", { token: key });
  expect(report.body.days).toContainEqual({
    day: today,
    meter: "api_call",
    events: 1,
    units: 3,
    chargedMillis: 30,
  });
  expect(report.body.days).toHaveLength(2);
  expect((await call("usage", { token: key, tail: `?from=${today}&to=${today}` })).body.days).toHaveLength(1);
  await booksBalance(world);
});

test("fifty parallel spends of one on a wallet of ten: exactly ten are charged", async () => {
  const { customer, spend } = await funded(10);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => spend(oneDucat(`p${index}`))));
  const outcomes = answers.map(({ body }) => body.results[0].outcome);
  expect(outcomes.filter((outcome) => outcome === "charged")).toHaveLength(10);
  expect(outcomes.filter((outcome) => outcome === "insufficient")).toHaveLength(40);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
  expect(
    await world.database.rows("select 1 from usage_claims where account_id = $1", [customer.id]),
  ).toHaveLength(10);
  await booksBalance(world);
});

test("the same id fifty times at once is charged once, and every caller sees what it cost", async () => {
  const { customer, spend } = await funded(10);
  const answers = await Promise.all(Array.from({ length: 50 }, () => spend(oneDucat("same"))));
  const results = answers.map(({ body }) => body.results[0]);
  expect(results.filter(({ outcome }) => outcome === "charged")).toHaveLength(1);
  expect(results.filter(({ outcome }) => outcome === "duplicate")).toHaveLength(49);
  expect(results.every(({ chargedMillis }) => chargedMillis === 1000)).toBe(true);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 9_000 });
  await booksBalance(world);
});

test("a known id with another body is a conflict and charges nothing", async () => {
  const { customer, spend } = await funded(10);
  await spend(oneDucat("once"));
  expect((await spend({ ...oneDucat("once"), units: 6 })).body.results).toEqual([
    { id: "once", outcome: "conflict", chargedMillis: 0 },
  ]);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 9_000 });
});

test("ids belong to the account: another account's same id is its own event", async () => {
  const one = await funded(2);
  const two = await funded(2);
  await one.spend(oneDucat("shared"));
  expect((await two.spend(oneDucat("shared"))).body.results[0].outcome).toBe("charged");
});

test("in one batch: duplicates, conflicts, rejected ones and a repeated id are told apart, in the order sent", async () => {
  const { spend } = await funded(10);
  await spend(oneDucat("old"), oneDucat("old2"));
  const answer = await spend(
    oneDucat("old"),
    { ...oneDucat("old2"), units: 1 },
    { id: "bad-meter", meter: "teleport", units: 1 },
    { id: "negative", meter: "api_call", units: -5 },
    { id: "fraction", meter: "api_call", units: 1.5 },
    { id: "ancient", meter: "api_call", units: 1, at: "2020-01-01T00:00:00Z" },
    { id: "future", meter: "api_call", units: 1, at: new Date(Date.now() + 3_600_000).toISOString() },
    oneDucat("new"),
    oneDucat("new"),
    { ...oneDucat("new"), units: 1 },
  );
  expect(
    answer.body.results.map(({ id, outcome }: { id: string; outcome: string }) => [id, outcome]),
  ).toEqual([
    ["old", "duplicate"],
    ["old2", "conflict"],
    ["bad-meter", "rejected"],
    ["negative", "rejected"],
    ["fraction", "rejected"],
    ["ancient", "rejected"],
    ["future", "rejected"],
    ["new", "charged"],
    ["new", "duplicate"],
    ["new", "conflict"],
  ]);
  expect(answer.body.walletMillis).toBe(7_000);
  expect(answer.body.results[2].reason).toMatch(/api_call, ai_action, stratagem/);
});

test("from the first event that doesn't fit, later new ones are insufficient and stay unclaimed", async () => {
  const { customer, spend } = await funded(3);
  const events = [
    oneDucat("f1"),
    { ...oneDucat("big"), units: 50 },
    { id: "small", meter: "api_call", units: 1 },
    oneDucat("f1"),
  ];
  const outcomes = (await spend(...events)).body.results.map(({ outcome }: { outcome: string }) => outcome);
  expect(outcomes).toEqual(["charged", "insufficient", "insufficient", "duplicate"]);
  await world.database.rows(
    "select post(now(), 'topped-up:' || $1, 'planted', array[('wallet', $1, 100000)::leg, ('issuance', null, -100000)::leg])",
    [customer.id],
  );
  const again = (await spend(...events)).body.results.map(({ outcome }: { outcome: string }) => outcome);
  expect(again).toEqual(["duplicate", "charged", "charged", "duplicate"]);
  await booksBalance(world);
});

test("a thousand events are one call, one transaction; a thousand and one are refused", async () => {
  const { customer, spend } = await funded(100);
  const events = Array.from({ length: 1000 }, (_, index) => ({
    id: `m${index}`,
    meter: "api_call",
    units: 1,
  }));
  const answer = await spend(...events);
  expect(answer.body.walletMillis).toBe(90_000);
  const posted = await world.database.rows("select 1 from transactions where business_key like $1", [
    `usage:${customer.id}:%`,
  ]);
  expect(posted).toHaveLength(1);
  const refused = await spend(...events, { id: "one-more", meter: "api_call", units: 1 });
  expect([refused.status, refused.body.field]).toEqual([422, "events"]);
  await booksBalance(world);
});

test("beyond the tier's requests a minute: 429 with RateLimit headers, and nothing is charged", async () => {
  const { customer, spend } = await funded(100);
  const answers = await Promise.all(Array.from({ length: 70 }, (_, index) => spend(oneDucat(`r${index}`))));
  const allowed = answers.filter(({ status }) => status === 200);
  const limited = answers.filter(({ status }) => status === 429);
  expect([allowed.length, limited.length]).toEqual([60, 10]);
  expect(limited[0]?.headers.get("ratelimit-policy")).toBe('"usage";q=60;w=60');
  expect(limited[0]?.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 40_000 });
});

test("an unknown or revoked key is 401, a missing scope 403, a session may spend as well", async () => {
  const { customer, key } = await funded(5);
  const unknown = `${key.slice(0, -4)}zzzz`;
  expect((await call("usage", { json: { events: [oneDucat("u")] }, token: unknown })).status).toBe(401);
  const readOnly = await programOf(customer, ["usage:read"]);
  expect((await readOnly.spend(oneDucat("u"))).body.code).toBe("insufficient_scope");
  expect((await call("usage", { token: readOnly.key })).status).toBe(200);
  const keys = (await call("api-keys", { token: customer.token })).body.keys;
  for (const { id } of keys)
    await call("api-keys", { method: "DELETE", tail: `/${id}`, token: customer.token });
  expect((await call("usage", { json: { events: [oneDucat("u")] }, token: key })).status).toBe(401);
  expect(
    (await call("usage", { json: { events: [oneDucat("u")] }, token: customer.token })).body.walletMillis,
  ).toBe(4_000);
});

test("a time with two hundred digits behind the second is refused by its field, and charges nothing", async () => {
  const { customer, spend } = await funded(5);
  const now = new Date().toISOString().slice(0, 19);
  const at = (digits: number) => ({ ...oneDucat("precise"), at: `${now}.${"0".repeat(digits)}Z` });
  const refused = await spend(oneDucat("first"), at(200));
  expect([refused.status, refused.body.code, refused.body.field]).toEqual([
    422,
    "invalid_field",
    "events.1.at",
  ]);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 5_000 });
  expect((await spend(at(9))).body.results[0].outcome).toBe("charged");
});

test("the database's answer lost after the charge: the same ids again cost nothing more", async () => {
  const { customer, spend } = await funded(5);
  world.gateway.faults.plan({ kind: "drop_after", path: "/sql" });
  expect((await spend(oneDucat("lost"))).status).toBe(503);
  expect((await spend(oneDucat("lost"))).body.results[0]).toEqual({
    id: "lost",
    outcome: "duplicate",
    chargedMillis: 1000,
  });
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 4_000 });
});

test("a charge is one round trip to Redis, then one to Postgres", async () => {
  const { spend } = await funded(5);
  // The first use of a key is written down after the answer.
  await (
    await spend(oneDucat("warm"))
  ).afterwards;
  world.gateway.faults.forget();
  world.upstash.faults.forget();
  await spend(oneDucat("measured"));
  expect(world.upstash.faults.seen).toHaveLength(1);
  expect(world.gateway.faults.seen).toHaveLength(1);
  expect((world.upstash.faults.seen[0]?.at ?? "") <= (world.gateway.faults.seen[0]?.at ?? "")).toBe(true);
});
