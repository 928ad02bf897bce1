/** Before any money is asked for, Venice is: is the citizen there, and can the processor pay? */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import {
  checkout,
  deliver,
  endPenalty,
  newCustomer,
  paidPurchase,
  statusOf,
  useWorld,
  type Customer,
} from "../../support/world.ts";

const world = useWorld();
const log = useLog();
const processor = "CASCADE_PAYMENT_PROCESSOR";

/** The processor's purse holds this much beyond what is promised already. */
async function leaveFree(ducats: number): Promise<void> {
  const [sums] = await world.database.rows<{ promised: string }>(
    "select sum(transit)::text as promised from balances",
  );
  world.airtable.setDucats(processor, Number(sums?.promised ?? 0) / 1000 + ducats);
}

async function expectNoSession(customer: Customer): Promise<void> {
  expect(world.stripe.faults.seen).toEqual([]);
  const [purchase] = await world.database.rows("select status from purchases where account_id = $1", [
    customer.id,
  ]);
  expect(purchase).toEqual({ status: "draft" });
  // A draft was never offered: it isn't shown.
  expect((await statusOf(customer)).purchases).toEqual([]);
}

test("a citizen who left Venice after sign-up is refused before Stripe is asked; the wallet still takes it", async () => {
  world.airtable.addCitizen({ Username: "Wanderer", Ducats: 3 });
  const customer = await newCustomer("Wanderer");
  world.airtable.remove("CITIZENS", world.airtable.citizen("Wanderer")?.id ?? "");
  const refused = await checkout(customer, { pack: "starter" }, "left");
  expect([refused.status, refused.body.code]).toEqual([422, "unknown_citizen"]);
  expect(refused.body.detail).toContain("wallet");
  await expectNoSession(customer);
  expect((await checkout(customer, { pack: "starter", deliverTo: "wallet" })).status).toBe(201);
});

test("a citizen renamed to other letters is another citizen", async () => {
  const record = world.airtable.addCitizen({ Username: "Renamed", Ducats: 3 });
  const customer = await newCustomer("Renamed");
  world.airtable.forge("CITIZENS", record.id, { Username: "RENAMED" });
  expect((await checkout(customer, { pack: "starter" })).body.code).toBe("unknown_citizen");
});

test.each([
  ["", "RialtoBanker"],
  [" whose name has a quote", "Bepi_Dall'Oro"],
])("a purse exactly as large as the order serves a citizen%s", async (_, citizen) => {
  const customer = await newCustomer(citizen);
  await leaveFree(525);
  expect((await checkout(customer, { pack: "explorer" })).status).toBe(201);
});

test("a purse too low refuses and says what is free; a smaller pack and the wallet work", async () => {
  const customer = await newCustomer();
  await leaveFree(524.999);
  const refused = await checkout(customer, { pack: "explorer" }, "too-much");
  expect([refused.status, refused.body.code, refused.body.field]).toEqual([
    409,
    "reserve_too_low",
    "deliverTo",
  ]);
  expect(refused.body.detail).toMatch(/\b524 ducats\b.*wallet/);
  await expectNoSession(customer);
  expect((await checkout(customer, { pack: "starter" })).status).toBe(201);
  expect((await checkout(customer, { pack: "explorer", deliverTo: "wallet" })).status).toBe(201);
});

test("the refused order goes through with its own key once the purse is filled", async () => {
  const customer = await newCustomer();
  await leaveFree(0);
  expect((await checkout(customer, { pack: "starter" }, "filled-later")).body.code).toBe("reserve_too_low");
  await leaveFree(1_000);
  expect((await checkout(customer, { pack: "starter" }, "filled-later")).status).toBe(201);
});

test("what others were promised is not free", async () => {
  await leaveFree(10_000);
  const [other, customer] = [await newCustomer(), await newCustomer()];
  const { completed } = await paidPurchase(world, other, { pack: "explorer" });
  await leaveFree(600);
  const paid = await deliver(completed);
  const refused = await checkout(customer, { pack: "starter" });
  expect(refused.body.detail).toMatch(/\b75 ducats\b/);
  expect((await checkout(customer, { amountCents: 1_000, deliverTo: "venice" })).body.code).toBe(
    "reserve_too_low",
  );
  await paid.afterwards;
});

test("a purse below what is promised leaves nothing free, not less", async () => {
  await leaveFree(10_000);
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, { pack: "starter" });
  const paid = await deliver(completed);
  await paid.afterwards;
  await leaveFree(-50);
  expect((await checkout(customer, { pack: "starter" })).body.detail).toMatch(/paid 0 ducats/);
});

test("a fraction of a ducat stays in the wallet and needs no purse", async () => {
  const customer = await newCustomer();
  await leaveFree(100);
  // 1,009 cents are 100.9 ducats: 100 go to Venice.
  expect((await checkout(customer, { amountCents: 1_009 })).status).toBe(201);
});

test("without the processor citizen nothing can be paid to Venice", async () => {
  const customer = await newCustomer();
  const record = world.airtable.citizen(processor);
  world.airtable.remove("CITIZENS", record?.id ?? "");
  const refused = await checkout(customer, { pack: "starter" });
  world.airtable.addCitizen({ Username: processor, Ducats: 1_000_000 });
  expect(refused.body.code).toBe("reserve_too_low");
});

test.each([
  ["refuses", { kind: "status", status: 503 }, "venice_unavailable"],
  ["is throttled", { kind: "status", status: 429 }, "venice_unavailable"],
  ["cuts the line", { kind: "drop_before" }, "venice_unavailable"],
] as const)("Venice %s: 503, no session; the retry works", async (_, fault, code) => {
  await leaveFree(10_000);
  const customer = await newCustomer();
  world.airtable.faults.plan({ ...fault, times: 5 });
  const refused = await checkout(customer, { pack: "starter" }, "venice-away");
  expect([refused.status, refused.body.code]).toEqual([503, code]);
  expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(log.last().trips).not.toHaveProperty("stripe");
  world.airtable.faults.clear();
  await expectNoSession(customer);
  await endPenalty(world);
  expect((await checkout(customer, { pack: "starter" }, "venice-away")).status).toBe(201);
});

test("Redis away once the order is pinned: Postgres says when Venice may be asked", async () => {
  await leaveFree(10_000);
  const customer = await newCustomer();
  world.upstash.faults.plan({ kind: "status", skip: 1, times: 5 });
  expect((await checkout(customer, { pack: "starter" })).status).toBe(201);
  expect(log.last().trips).toEqual({ postgres: 3, redis: 2, venice: 1, stripe: 1 });
});

test("both away once the order is pinned: our share of Airtable is unknown, so 503 and no session", async () => {
  const customer = await newCustomer();
  world.upstash.faults.plan({ kind: "status", skip: 1, times: 5 });
  world.gateway.faults.plan({ kind: "status", skip: 1 });
  const refused = await checkout(customer, { pack: "starter" });
  expect([refused.status, refused.body.code]).toEqual([503, "limiter_unavailable"]);
  expect(log.last().trips).toEqual({ postgres: 2, redis: 2 });
  await expectNoSession(customer);
});

test("the database away: 503, nobody asked", async () => {
  const customer = await newCustomer();
  world.airtable.faults.forget();
  world.gateway.faults.plan({ kind: "status" });
  const refused = await call("create-checkout", {
    json: { pack: "starter" },
    token: customer.token,
    headers: { "idempotency-key": "no-database" },
  });
  expect([refused.status, refused.body.code]).toEqual([503, "database_unavailable"]);
  expect(world.airtable.faults.seen).toEqual([]);
  expect(world.stripe.faults.seen).toEqual([]);
});
