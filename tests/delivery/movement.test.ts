/** The purse moves in steps, answers get lost, runs fail: deliveries conclude all the same, or a person is told. */
import { afterEach, describe, expect, test, vi } from "vitest";
import pg from "pg";
import { MINUTE_MS } from "../../lib/clock.ts";
import { call } from "../support/call.ts";
import {
  advance,
  asExecuted,
  deliveryRow,
  minutes,
  pendingDelivery,
  processor,
  purse,
  useDeliveries,
  veniceRows,
} from "../support/delivering.ts";
import { booksBalance, statusOf, useWorld } from "../support/world.ts";

const world = useWorld();
const { clock, run, activeDelivery, status, alertsOf, openAlerts } = useDeliveries(world);

afterEach(() => {
  vi.useRealTimers();
});

function movePurse(byDucats: number): void {
  world.airtable.setDucats(processor, purse(world, processor) + byDucats);
}

/** Calls a function a minute later, on the file's clock. */
async function callAt(name: string, method: "GET" | "POST") {
  advance(clock, minutes(1));
  vi.useFakeTimers({ toFake: ["Date"], now: clock.now });
  try {
    return await call(name, {
      method,
      ...(method === "POST" && { json: { next_run: "2026-11-20T13:00:00Z" } }),
    });
  } finally {
    vi.useRealTimers();
  }
}
const deliverDucats = () => callAt("deliver-ducats", "POST");

describe("the activation's answer is lost and the game pays before the lease is over", () => {
  test.each([
    ["alone", 0],
    ["with another delivery under way", 1],
  ])("%s: executed at the next run, and nothing is unexplained", async (_, others) => {
    for (let count = 0; count < others; count += 1) await activeDelivery({ pack: "explorer" });
    const { deliveryId, customer } = await pendingDelivery(world);
    world.airtable.faults.plan({ kind: "drop_after", method: "PATCH", path: "STRATAGEMS" });
    await run();
    expect(await status(deliveryId)).toBe("planned");
    expect(veniceRows(world, deliveryId).map(({ fields }) => fields["Status"])).toEqual(["active"]);
    await world.airtable.runGame();
    expect((await run()).executed).toBe(1 + others);
    expect(await status(deliveryId)).toBe("executed");
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 0, transitMillis: 0 });
    expect(await openAlerts("purse_unexplained")).toEqual([]);
    // The lease's end changes nothing any more: paid once.
    const before = purse(world, processor);
    await run(4);
    await world.airtable.runGame();
    expect([await status(deliveryId), purse(world, processor)]).toEqual(["executed", before]);
    await booksBalance(world);
  });
});

describe("a purse that disagrees with the rows", () => {
  test("agreed in between: the next disagreement has its own patience", async () => {
    const { deliveryId } = await activeDelivery();
    movePurse(-100);
    expect((await run()).watching).toBe("waiting");
    movePurse(100);
    expect((await run()).watching).toBe("concluded");
    await run(5);
    movePurse(-100);
    expect((await run()).watching).toBe("waiting");
    expect(await status(deliveryId)).toBe("active");
    movePurse(100);
    await world.airtable.runGame();
    expect((await run()).executed).toBe(1);
    expect(await openAlerts("purse_unexplained")).toEqual([]);
  });

  test("that changes is waited for anew: the game writes one delivery after the other", async () => {
    const [first, second] = [
      await activeDelivery(),
      await activeDelivery({ pack: "explorer" }, "LaceWeaverOrsola"),
    ];
    movePurse(-100);
    expect((await run(2)).watching).toBe("waiting");
    world.airtable.forge("STRATAGEMS", first.row.id, asExecuted(first.row));
    movePurse(-525);
    expect((await run(3)).watching).toBe("waiting");
    expect([await status(first.deliveryId), await status(second.deliveryId)]).toEqual(["active", "active"]);
    world.airtable.forge("STRATAGEMS", second.row.id, asExecuted(second.row));
    expect((await run()).executed).toBe(2);
    expect(await openAlerts("purse_unexplained")).toEqual([]);
    await booksBalance(world);
  });

  test("that stays the same is given up after three minutes, that changes every minute after thirty", async () => {
    const steady = await activeDelivery();
    world.airtable.forge("STRATAGEMS", steady.row.id, asExecuted(steady.row));
    expect((await run(3)).watching).toBe("waiting");
    expect((await run()).uncertain).toBe(1);

    const restless = await activeDelivery();
    world.airtable.forge("STRATAGEMS", restless.row.id, asExecuted(restless.row));
    for (let minute = 0; minute < 30; minute += 1) {
      movePurse(-1);
      expect((await run()).watching, `minute ${minute}`).toBe("waiting");
    }
    movePurse(-1);
    expect((await run()).uncertain).toBe(1);
    expect(await status(restless.deliveryId)).toBe("uncertain");
    expect(await alertsOf(restless.deliveryId)).toEqual([{ kind: "delivery_uncertain" }]);
    expect(await openAlerts("purse_unexplained")).not.toEqual([]);
    await booksBalance(world);
  });
});

describe("a run that cannot do its work", () => {
  const failures = () => openAlerts("delivery_run_failed");
  const mailed = () =>
    world.mailbox.messages().filter(({ subject }) => subject.includes("delivery run failed")).length;

  test("Airtable forbids: 5xx, one alert that is mailed once, closed by the next good run", async () => {
    const { deliveryId } = await pendingDelivery(world);
    const before = mailed();
    world.airtable.faults.plan({ kind: "status", status: 403, path: "CITIZENS", times: 100 });
    for (let round = 0; round < 3; round += 1) {
      expect((await deliverDucats()).status).toBeGreaterThanOrEqual(500);
      expect(await failures()).toEqual([{ subject: "deliver-ducats" }]);
    }
    for (let minute = 0; minute < 2; minute += 1) await callAt("send-letters", "POST");
    expect(mailed() - before).toBe(1);
    expect(await status(deliveryId)).toBe("pending");
    world.airtable.faults.clear();
    expect((await deliverDucats()).status).toBe(200);
    expect(await failures()).toEqual([]);
    expect(await status(deliveryId)).toBe("active");
  });

  test("the processor citizen is missing: the same alert, until it is there", async () => {
    const { deliveryId } = await pendingDelivery(world);
    const ducats = purse(world, processor);
    world.airtable.remove("CITIZENS", world.airtable.citizen(processor)?.id ?? "");
    for (let round = 0; round < 2; round += 1) {
      await deliverDucats();
      expect(await failures()).toEqual([{ subject: "deliver-ducats" }]);
    }
    expect(await status(deliveryId)).toBe("pending");
    world.airtable.addCitizen({ Username: processor, Ducats: ducats });
    await deliverDucats();
    expect(await failures()).toEqual([]);
    expect(await status(deliveryId)).toBe("active");
  });
});

test("an hour after the game's run that should have brought it, it is late: counted and alerted once, until none is", async () => {
  const late = () => openAlerts("deliveries_late");
  const counted = async () => (await callAt("health", "GET")).body.counts.lateDeliveries;
  const { deliveryId } = await activeDelivery();
  const [row] = await world.database.rows<{ due: Date }>(
    "select delivery_due(created_at) as due from deliveries where id = $1",
    [deliveryId],
  );
  if (!row) throw new Error("no delivery");
  advance(clock, row.due.getTime() - 2.5 * MINUTE_MS - clock.now.getTime());
  await deliverDucats();
  expect(await late()).toEqual([]);
  expect(await counted()).toBe(0);
  for (let round = 0; round < 3; round += 1) {
    await deliverDucats();
    expect(await late()).toEqual([{ subject: "deliveries" }]);
  }
  expect(await counted()).toBe(1);
  await world.airtable.runGame();
  await deliverDucats();
  expect(await status(deliveryId)).toBe("executed");
  await deliverDucats();
  expect(await late()).toEqual([]);
  expect(await counted()).toBe(0);
});

describe("a person decides what is uncertain", () => {
  async function uncertainDelivery() {
    const active = await activeDelivery();
    world.airtable.remove("STRATAGEMS", active.row.id);
    await run();
    expect(await alertsOf(active.deliveryId)).toEqual([{ kind: "delivery_uncertain" }]);
    return active;
  }
  const resolve = (deliveryId: string, outcome: string, reason: string | null = "seen in both purses") =>
    world.database.rows("select resolve_delivery(now(), $1, $2, $3)", [deliveryId, outcome, reason]);

  test("arrived: posted to venice, executed, its alert closed, the reason kept beside the evidence", async () => {
    const { deliveryId, customer, row } = await uncertainDelivery();
    await resolve(deliveryId, "arrived");
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 0, transitMillis: 0 });
    const posted = await world.database.rows(
      "select e.amount from entries e join transactions t on t.id = e.transaction_id where t.business_key = $1 and e.ledger = 'venice'",
      [`delivery:${deliveryId}`],
    );
    expect(posted).toEqual([{ amount: "100000" }]);
    const resolved = await deliveryRow(world, deliveryId);
    expect(resolved).toMatchObject({ status: "executed", record_id: row.id });
    expect(resolved?.["evidence"]).toMatchObject({ row: null, reason: "seen in both purses" });
    expect(await alertsOf(deliveryId)).toEqual([]);
    await booksBalance(world);
  });

  test("returned: a debt first, the rest to the wallet", async () => {
    const { deliveryId, customer } = await uncertainDelivery();
    await world.database.rows(
      "select post(now(), 'planted:' || $1, 'planted', array[('debt', $1, -30000)::leg, ('spent', null, 30000)::leg])",
      [customer.id],
    );
    await resolve(deliveryId, "returned", "never in Venice");
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 70_000, transitMillis: 0, debtMillis: 0 });
    expect(await deliveryRow(world, deliveryId)).toMatchObject({ status: "rejected" });
    expect((await deliveryRow(world, deliveryId))?.["evidence"]).toMatchObject({ reason: "never in Venice" });
    expect(await alertsOf(deliveryId)).toEqual([]);
    await booksBalance(world);
  });

  test("once, and only what is uncertain", async () => {
    const { deliveryId, customer } = await uncertainDelivery();
    await resolve(deliveryId, "returned");
    for (const outcome of ["returned", "arrived"])
      await expect(resolve(deliveryId, outcome)).rejects.toThrow(/not uncertain/);
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000, transitMillis: 0 });
    const active = await activeDelivery();
    await expect(resolve(active.deliveryId, "returned")).rejects.toThrow(/not uncertain/);
    await expect(resolve("dlv_00000000000000000000", "arrived")).rejects.toThrow();
    expect(await status(active.deliveryId)).toBe("active");
    await booksBalance(world);
  });

  test("twice at once is decided once", async () => {
    const { deliveryId, customer } = await uncertainDelivery();
    const second = new pg.Client({ connectionString: world.database.ownerUrl });
    await second.connect();
    const decided = await Promise.allSettled([
      resolve(deliveryId, "returned"),
      second.query("select resolve_delivery(now(), $1, 'arrived', 'the other way')", [deliveryId]),
    ]);
    await second.end();
    expect(decided.map(({ status: end }) => end).sort()).toEqual(["fulfilled", "rejected"]);
    const { walletMillis, transitMillis } = await statusOf(customer);
    expect([0, 100_000]).toContain(walletMillis);
    expect(transitMillis).toBe(0);
    await booksBalance(world);
  });

  test("with a word that says how and a reason, and never as the application", async () => {
    const { deliveryId } = await uncertainDelivery();
    await expect(resolve(deliveryId, "lost")).rejects.toThrow();
    for (const reason of ["", null]) await expect(resolve(deliveryId, "arrived", reason)).rejects.toThrow();
    const app = new pg.Client({ connectionString: world.database.appUrl });
    await app.connect();
    await expect(
      app.query("select resolve_delivery(now(), $1, 'returned', 'mine')", [deliveryId]),
    ).rejects.toMatchObject({ code: "42501" });
    await app.end();
    expect(await status(deliveryId)).toBe("uncertain");
    expect(await alertsOf(deliveryId)).toHaveLength(1);
  });
});

test("a second row of one delivery, run by hand, bears out no other's forged claim", async () => {
  world.airtable.faults.plan({ kind: "repeat", method: "POST", path: "STRATAGEMS" });
  const doubled = await activeDelivery();
  const forged = await activeDelivery();
  const stray = veniceRows(world, doubled.deliveryId).find(({ fields }) => fields["Status"] === "planned");
  if (!stray) throw new Error("Airtable has made no second row");
  movePurse(-100);
  world.airtable.forge("STRATAGEMS", stray.id, asExecuted(stray));
  world.airtable.forge("STRATAGEMS", forged.row.id, asExecuted(forged.row));
  await run(4);
  expect(await status(forged.deliveryId)).toBe("uncertain");
  expect(await status(doubled.deliveryId)).toBe("active");
});
