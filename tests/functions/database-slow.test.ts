/** A Postgres that cancels what takes too long: 503, nothing is half done, and the same request again is done once. */
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { useLog } from "../support/log.ts";
import { funded, oneDucat } from "../support/spending.ts";
import { booksBalance, deliver, newCustomer, paidPurchase, statusOf, useWorld } from "../support/world.ts";

const world = useWorld();
const log = useLog();
const order = { pack: "starter", deliverTo: "wallet" };

let blocker: pg.Client;

// Postgres' own limits, shorter: sessions that begin after this have them.
beforeAll(async () => {
  const { pathname } = new URL(world.database.ownerUrl);
  const limits = `alter role cascade_app in database ${pathname.slice(1)} set`;
  await world.database.rows(`${limits} statement_timeout = '1500ms'`);
  await world.database.rows(`${limits} lock_timeout = '300ms'`);
  blocker = new pg.Client({ connectionString: world.database.ownerUrl });
  await blocker.connect();
});
afterAll(() => blocker.end());

afterEach(async () => {
  await blocker.query("rollback");
  await world.database.rows("drop trigger if exists slow on usage_events");
});

/** Another session holds the row that the request needs. */
async function holdRow(table: "balances" | "purchases", column: string, id: string): Promise<void> {
  await blocker.query("begin");
  await blocker.query(`select 1 from ${table} where ${column} = $1 for update`, [id]);
}

/** Recording a usage event takes longer than a statement may. */
async function slowDown(): Promise<void> {
  await world.database.rows(
    "create or replace function slow_down() returns trigger language plpgsql as $$ begin perform pg_sleep(5); return new; end $$",
  );
  await world.database.rows(
    "create trigger slow before insert on usage_events for each statement execute function slow_down()",
  );
}

async function speedUp(): Promise<void> {
  await blocker.query("rollback");
  await world.database.rows("drop trigger if exists slow on usage_events");
}

describe("usage: 503 database_unavailable, and nothing is charged", () => {
  test.each(["lock", "statement"])("after a %s timeout", async (kind) => {
    const { customer, spend } = await funded(world, 5);
    await (kind === "lock" ? holdRow("balances", "account_id", customer.id) : slowDown());
    const refused = await spend(oneDucat("slow"));
    expect([refused.status, refused.body.code]).toEqual([503, "database_unavailable"]);
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(log.last().error).toMatch(new RegExp(`${kind} timeout`));
    await speedUp();
    expect((await spend(oneDucat("slow"))).body).toMatchObject({
      results: [{ id: "slow", outcome: "charged", chargedMillis: 1_000 }],
      walletMillis: 4_000,
    });
    await booksBalance(world);
  });
});

describe("stripe-webhook: 5xx, and Stripe's next delivery settles", () => {
  test.each(["lock", "statement"])("after a %s timeout", async (kind) => {
    const customer = await newCustomer();
    const { purchaseId, completed } = await paidPurchase(world, customer, order);
    await (kind === "lock" ? holdRow("purchases", "id", purchaseId) : slowDown());
    expect((await deliver(completed)).status).toBeGreaterThanOrEqual(500);
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
    await speedUp();
    expect((await deliver(completed)).body.outcome).toBe("settled");
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
    const alerts = "select 1 from alerts where kind = 'stripe_event_failed' and closed_at is null";
    expect(await world.database.rows(alerts)).toEqual([]);
    await booksBalance(world);
  });
});
