/** What can be bought, at what price, and what the tiers give: the same for everybody, at the rate of now. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { setRate } from "../../support/rating.ts";
import { checkout, newCustomer, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

test("the five packs, the bounds of a custom amount, the rate and the tiers", async () => {
  const { status, body } = await call("packs");
  expect(status).toBe(200);
  expect(body.packs).toEqual([
    {
      id: "starter",
      name: "Starter",
      usdCents: 1_000,
      baseMillis: 100_000,
      bonusMillis: 0,
      totalMillis: 100_000,
    },
    {
      id: "explorer",
      name: "Explorer",
      usdCents: 5_000,
      baseMillis: 500_000,
      bonusMillis: 25_000,
      totalMillis: 525_000,
    },
    {
      id: "trader",
      name: "Trader",
      usdCents: 10_000,
      baseMillis: 1_000_000,
      bonusMillis: 75_000,
      totalMillis: 1_075_000,
    },
    {
      id: "merchant",
      name: "Merchant",
      usdCents: 25_000,
      baseMillis: 2_500_000,
      bonusMillis: 250_000,
      totalMillis: 2_750_000,
    },
    {
      id: "noble",
      name: "Noble",
      usdCents: 50_000,
      baseMillis: 5_000_000,
      bonusMillis: 750_000,
      totalMillis: 5_750_000,
    },
  ]);
  expect(body.custom).toEqual({ minCents: 1_000, maxCents: 1_000_000 });
  expect(body.rate.microUsdPerDucat).toBe(100_000);
  expect(Date.parse(body.rate.asOf)).toBeLessThanOrEqual(Date.now());
  const tiers = body.tiers.map((tier: Record<string, unknown>) => [
    tier["id"],
    tier["usdCentsPerMonth"],
    tier["usdCentsPerYear"],
    tier["grantMillisPerMonth"],
    tier["requestsPerMinute"],
    tier["apiKeys"],
    tier["millisPerUnit"],
    tier["available"],
  ]);
  expect(tiers).toEqual([
    ["explorer", 0, 0, 0, 60, 2, 10, true],
    ["builder", 9_900, 99_000, 250_000, 600, 5, 5, true],
    ["architect", 49_900, 499_000, 1_500_000, 1_800, 20, 3, true],
    ["revolutionary", 99_900, 999_000, 3_500_000, 3_000, 50, 2, true],
    ["enterprise", 500_000, 5_000_000, 20_000_000, 10_000, 200, 1, true],
  ]);
});

test("every other service away: the packs are shown, by one question to the database", async () => {
  for (const part of [world.upstash, world.airtable, world.stripe])
    part.faults.plan({ kind: "status", times: 5 });
  expect((await call("packs")).status).toBe(200);
  expect(log.last().trips).toEqual({ postgres: 1 });
});

test("the database away: no price is guessed, 503", async () => {
  world.gateway.faults.plan({ kind: "status" });
  const answer = await call("packs");
  expect([answer.status, answer.body.code]).toEqual([503, "database_unavailable"]);
});

test.each([50_000, 123_457, 500_000])("at %d micro-dollars: shown, charged and given alike", async (rate) => {
  await setRate(world, rate);
  const { body } = await call("packs");
  expect(body.rate.microUsdPerDucat).toBe(rate);
  const customer = await newCustomer();
  for (const { id, usdCents, baseMillis } of body.packs) {
    expect(usdCents).toBe(Math.round((baseMillis * rate) / 10_000_000));
    await checkout(customer, { pack: id, deliverTo: "wallet" });
    const [purchase] = await world.database.rows(
      "select amount_cents::int as cents, micro_usd_per_ducat::int as rate from purchases where account_id = $1 and pack = $2",
      [customer.id, id],
    );
    expect(purchase).toEqual({ cents: usdCents, rate });
  }
  await setRate(world, 100_000);
});

test("what is shown is what is charged and given", async () => {
  const { body } = await call("packs");
  const customer = await newCustomer();
  for (const { id, usdCents, totalMillis } of body.packs) {
    await checkout(customer, { pack: id, deliverTo: "wallet" });
    const [purchase] = await world.database.rows(
      "select amount_cents::int, (base_millis + bonus_millis)::int as total from purchases where account_id = $1 and pack = $2",
      [customer.id, id],
    );
    expect(purchase).toEqual({ amount_cents: usdCents, total: totalMillis });
  }
});
