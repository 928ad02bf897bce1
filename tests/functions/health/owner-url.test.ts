/** With only an owner's DATABASE_URL every call still runs as cascade_app, and `health` says that it is so. */
import { beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { sql } from "../../../lib/db/port.ts";
import { openNeon } from "../../../lib/db/neon.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { booksBalance, deliver, newCustomer, paidPurchase, statusOf, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();
// The environment is read at the first call: after this.
beforeAll(() => {
  process.env["DATABASE_URL"] = world.database.ownerUrl;
});

function asTheFunctions() {
  return openNeon(
    { url: world.database.ownerUrl, fetchEndpoint: `${world.gateway.url}/sql`, actAs: "cascade_app" },
    () => undefined,
  );
}

test("health warns and is ok", async () => {
  const { body } = await call("health");
  expect(body).toMatchObject({ status: "ok", checks: { postgres: "ok" } });
  expect(body.warnings).toContainEqual(expect.stringContaining("owner"));
  expect(JSON.stringify(body)).not.toContain(new URL(world.database.ownerUrl).password);
});

test("the whole way to a credit works, each call still one round trip", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  expect(log.last().trips).toEqual({ redis: 1, postgres: 2, stripe: 1 });
  world.gateway.faults.forget();
  expect((await deliver(completed)).body.outcome).toBe("settled");
  expect(world.gateway.faults.seen).toHaveLength(1);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  const key = (await call("api-keys", { json: { name: "program" }, token: customer.token })).body.key;
  const spent = await call("usage", {
    json: { events: [{ id: "1", meter: "api_call", units: 1 }] },
    token: key,
  });
  expect(spent.body.results).toEqual([{ id: "1", outcome: "charged", chargedMillis: 10 }]);
  await booksBalance(world);
});

test("a call is cascade_app, with its time limit", async () => {
  const row = z.object({ role: z.string(), timeout: z.string() });
  const now = await asTheFunctions().one(
    sql`select current_user as role, current_setting('statement_timeout') as timeout`,
    row,
  );
  expect(now).toEqual({ role: "cascade_app", timeout: "8s" });
});

test.each([
  "select * from accounts",
  "insert into transactions (business_key, kind, posted_at) values ('forged', 'forged', now())",
  "update balances set wallet = 1",
  "delete from alerts",
  "truncate entries",
  "select post(now(), 'forged', 'forged', '{}')",
  "create table public.mine (id int)",
  "alter role cascade_app superuser",
])("what cascade_app may not do the owner's connection may not either: %s", async (text) => {
  await expect(asTheFunctions().query({ text, params: [] }, z.unknown())).rejects.toMatchObject({
    name: "DatabaseRefusal",
    code: "42501",
  });
});
