/** The hourly check: how fast the purse goes, how long it lasts, who is told, and what is kept. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { DAY_MS, HOUR_MS } from "../../lib/clock.ts";
import { sendLetters } from "../../lib/letters/send.ts";
import { call } from "../support/call.ts";
import { advance, minutes, processor, purse, useDeliveries } from "../support/delivering.ts";
import { useLog } from "../support/log.ts";
import { appAt, booksBalance, newCustomer, useWorld } from "../support/world.ts";

const world = useWorld({ RESERVE_FLOOR_DUCATS: "100000" });
const { clock, run, activeDelivery, status, openAlerts } = useDeliveries(world);
const log = useLog();

const start = 1_000_000;

afterEach(async () => {
  world.airtable.setDucats(processor, start);
  await world.database.rows("truncate reserve_readings");
});

async function check() {
  vi.useFakeTimers({ toFake: ["Date"], now: clock.now });
  try {
    return await call("replenishment-check", { method: "POST", json: { next_run: "2026-11-20T13:00:00Z" } });
  } finally {
    vi.useRealTimers();
    // Turns that were taken far in the future.
    await world.upstash.clear();
  }
}

let promises = 0;

/** Ducats that were promised to Venice so many days ago; positive, or taken back. */
async function promise(account: string, ducats: number, daysAgo: number, kind = "send"): Promise<void> {
  promises += 1;
  const at = new Date(clock.now.getTime() - daysAgo * DAY_MS - HOUR_MS);
  await world.database.rows(
    `select post($1, 'planted-grant:' || $2, 'grant', array[('wallet', $3, $4)::leg, ('grants', null, -$4)::leg])`,
    [at, promises, account, Math.max(ducats, 0) * 1000 + 1],
  );
  await world.database.rows(
    `select post($1, 'planted:' || $2, $5, array[('wallet', $3, -$4::bigint)::leg, ('transit', $3, $4)::leg])`,
    [at, promises, account, ducats * 1000, kind],
  );
}

/** Nobody's promises of an earlier test are near. */
function anotherMonth(): void {
  advance(clock, 40 * DAY_MS);
}

test("nothing sold yet: no burn, no forecast, and what the target lacks", async () => {
  const { body } = await check();
  expect(body).toEqual({
    purseMillis: start * 1000,
    promisedMillis: 0,
    freeMillis: start * 1000,
    floorMillis: 100_000_000,
    targetMillis: 200_000_000,
    burnMillisPerDay: 0,
    floorAt: null,
    dryAt: null,
    topUpMillis: 0,
    alert: "none",
  });
  expect(log.last().trips).toEqual({ postgres: 3, venice: 1, redis: 1 });
});

describe("the burn rate", () => {
  test("newer days count more, a delivery that arrives changes nothing, what comes back is taken off", async () => {
    const { id } = await newCustomer();
    anotherMonth();
    await promise(id, 1_000, 10);
    expect((await check()).body.burnMillisPerDay).toBe(0);
    await promise(id, 2_800, 0);
    expect((await check()).body.burnMillisPerDay).toBe(700_000);
    await promise(id, 2_800, 6);
    expect((await check()).body.burnMillisPerDay).toBe(800_000);
    await world.database.rows(
      "select post($1, 'planted-arrival', 'delivery', array[('transit', $2, -2800000)::leg, ('venice', null, 2800000)::leg])",
      [clock.now, id],
    );
    expect((await check()).body.burnMillisPerDay).toBe(800_000);
    await promise(id, -1_400, 0, "return");
    expect((await check()).body.burnMillisPerDay).toBe(450_000);
    await promise(id, -1_400, 0, "return");
    await promise(id, -1_000, 0, "return");
    expect((await check()).body.burnMillisPerDay).toBe(0);
    await booksBalance(world);
  });

  test("the forecast: when the floor is reached, when the purse is dry", async () => {
    const { id } = await newCustomer();
    anotherMonth();
    await promise(id, 28_000, 0);
    const { body } = await check();
    expect(body.burnMillisPerDay).toBe(7_000_000);
    const days = (text: string) => (Date.parse(text) - clock.now.getTime()) / DAY_MS;
    expect(days(body.floorAt)).toBeCloseTo((body.freeMillis - 100_000_000) / 7_000_000, 5);
    expect(days(body.dryAt)).toBeCloseTo(body.freeMillis / 7_000_000, 5);
    expect(body.alert).toBe("none");
    world.airtable.setDucats(processor, 10);
    const empty = (await check()).body;
    expect([empty.floorAt, empty.dryAt]).toEqual([clock.now.toISOString(), clock.now.toISOString()]);
    await promise(id, -28_000, 0, "return");
  });
});

describe("reserve_low", () => {
  const message = async () =>
    (
      await world.database.rows<{ message: string }>(
        "select message from alerts where kind = 'reserve_low' and closed_at is null",
      )
    ).map((row) => row.message);
  const alerted = () => openAlerts("reserve_low");

  test("below the floor: which, and how much to top up; whole ducats; closed when well", async () => {
    world.airtable.setDucats(processor, 99_999.5);
    const { promisedMillis } = (await check()).body;
    const free = 99_999.5 - promisedMillis / 1000;
    const [text] = await message();
    expect(text).toContain("It is below the floor.");
    expect(text).toContain(`Top it up by ${Math.ceil(200_000 - free)} ducats, so that `);
    const again = (await check()).body;
    expect(again).toMatchObject({ alert: "still_open", topUpMillis: Math.ceil(200_000 - free) * 1000 });
    world.airtable.setDucats(processor, start);
    expect((await check()).body.alert).toBe("closed");
    expect(await alerted()).toEqual([]);
  });

  test("above the floor, but below it within 48 hours: the same one alert, in words of its own, mailed once", async () => {
    const { id } = await newCustomer();
    anotherMonth();
    await promise(id, 40_000, 0);
    const { promisedMillis } = (await check()).body;
    const at = (free: number) => world.airtable.setDucats(processor, free + promisedMillis / 1000);
    at(120_001);
    expect((await check()).body.alert).toBe("none");
    at(119_999);
    const { body } = await check();
    expect(body).toMatchObject({ alert: "opened", freeMillis: 119_999_000, topUpMillis: 80_001_000 });
    const [text] = await message();
    expect(text).toMatch(/At 10000 ducats a day it is below the floor by \d{4}-\d\d-\d\d \d\d:\d\d UTC\./);
    expect(text).toContain("Top it up by 80001 ducats");
    at(90_000);
    expect((await check()).body.alert).toBe("still_open");
    expect(await alerted()).toHaveLength(1);
    const before = world.mailbox.messages().length;
    for (let mailing = 0; mailing < 2; mailing += 1) await sendLetters(appAt(clock));
    const mails = world.mailbox.messages().slice(before);
    expect(mails.filter(({ text: mail }) => mail?.includes("80001 ducats"))).toHaveLength(1);
    at(500_000);
    expect((await check()).body.alert).toBe("closed");
    await promise(id, -40_000, 0, "return");
  });

  test("more goes in a week than lies between floor and target: a top-up that ends the alert for days", async () => {
    const { id } = await newCustomer();
    anotherMonth();
    await promise(id, 600_000, 0);
    const { promisedMillis } = (await check()).body;
    const at = (free: number) => world.airtable.setDucats(processor, free + promisedMillis / 1000);
    at(250_000);
    const { body } = await check();
    expect(body).toMatchObject({ alert: "opened", burnMillisPerDay: 150_000_000, topUpMillis: 900_000_000 });
    at(250_000 + body.topUpMillis / 1000);
    expect((await check()).body.alert).toBe("closed");
    await promise(id, -600_000, 0, "return");
  });

  test("a target of the operator's own; one below the floor is refused", async () => {
    const { parseEnv } = await import("../../lib/env.ts");
    const parsed = (target: string) => parseEnv({ ...process.env, RESERVE_TARGET_DUCATS: target });
    expect(parsed("250000").RESERVE_TARGET_DUCATS).toBe(250_000);
    expect(parsed("").RESERVE_TARGET_DUCATS).toBeUndefined();
    for (const wrong of ["99999", "0", "-1", "1.5", "many"])
      expect(() => parsed(wrong)).toThrow(/RESERVE_TARGET_DUCATS/);
  });
});

test("the history has one row an hour: the last reading of it, five at once among them", async () => {
  const readings = () =>
    world.database.rows("select purse_millis, free_millis, burn_millis from reserve_readings order by hour");
  await Promise.all(Array.from({ length: 5 }, () => call("replenishment-check", { method: "POST" })));
  expect((await readings()).length).toBeLessThanOrEqual(2);
  await world.database.rows("truncate reserve_readings");
  clock.now = new Date(Math.ceil(clock.now.getTime() / HOUR_MS) * HOUR_MS);
  await check();
  advance(clock, minutes(59));
  world.airtable.setDucats(processor, 900_000);
  await check();
  expect(await readings()).toMatchObject([{ purse_millis: "900000000" }]);
  advance(clock, minutes(1));
  await check();
  expect(await readings()).toHaveLength(2);
});

describe("what leaves the purse and is no delivery of ours", () => {
  const unexplained = () => openAlerts("purse_unexplained");

  test("nothing is under way: the hourly check sees it, and the minute's run tells it no second time", async () => {
    await check();
    world.airtable.setDucats(processor, purse(world, processor) - 777);
    await check();
    expect(await unexplained()).toHaveLength(1);
    await run();
    await check();
    expect(await unexplained()).toHaveLength(1);
  });

  test("while deliveries are under way it leaves the purse to their run", async () => {
    const { deliveryId } = await activeDelivery();
    world.airtable.setDucats(processor, purse(world, processor) - 5);
    await check();
    expect(await unexplained()).toEqual([]);
    world.airtable.setDucats(processor, purse(world, processor) + 5);
    await world.airtable.runGame();
    await check();
    expect((await run()).executed).toBe(1);
    expect(await status(deliveryId)).toBe("executed");
    await check();
    expect(await unexplained()).toEqual([]);
  });

  test("a delivery concluded between its two looks makes its comparison void", async () => {
    const { comparePurse } = await import("../../lib/reserve/compare.ts");
    const { deliveryWork } = await import("../../lib/delivery/outbox.ts");
    const { millis } = await import("../../lib/money.ts");
    await check();
    const app = appAt(clock);
    const work = await deliveryWork(app, 0);
    const before = millis(BigInt(purse(world, processor)) * 1000n);
    await activeDelivery();
    await world.airtable.runGame();
    expect((await run()).executed).toBe(1);
    expect(await comparePurse(app, work, before)).toEqual({ kind: "stale" });
    expect(await unexplained()).toEqual([]);
  });
});

test("without the processor it says so, and keeps nothing", async () => {
  const citizen = world.airtable.citizen(processor);
  world.airtable.remove("CITIZENS", citizen?.id ?? "");
  const answer = await check();
  expect(answer.body.code).toBe("unknown_citizen");
  expect(await world.database.rows("select from reserve_readings")).toEqual([]);
  world.airtable.addCitizen({ Username: processor, Ducats: start });
});
