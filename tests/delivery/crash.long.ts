/** A worker may die between any two steps: five drains at once bring the delivery to exactly one credit. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runOnce } from "../../lib/delivery/run.ts";
import {
  advance,
  deliveryRow,
  Died,
  dyingApp,
  fiveDrains,
  minutes,
  pendingDelivery,
  purse,
  veniceRows,
  type Death,
  type TestClock,
} from "../support/delivering.ts";
import { appAt, booksBalance, endPenalty, useWorld } from "../support/world.ts";

const world = useWorld();
const citizen = "RialtoBanker";
let clock: TestClock;

beforeEach(() => {
  clock = { now: new Date() };
});

afterEach(async () => {
  await world.airtable.runGame();
  // Of five drains at once most see what another has just concluded: the second round ends what the first left.
  await settleDown(2);
});

/** Lets whatever a dead worker held run out, and everything that waits be tried again. */
async function settleDown(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    advance(clock, minutes(3));
    await fiveDrains(clock);
  }
}

async function dieAt(death: Death): Promise<number> {
  const { app, steps } = dyingApp(appAt(clock), death);
  await runOnce(app, 100).catch((error: unknown) => {
    if (!(error instanceof Died)) throw error;
  });
  return steps();
}

const never = { step: 1_000, side: "before" } as const;

describe("killed while sending", () => {
  test("at every step, before and after its effect: one credit, one row ever active", async () => {
    await pendingDelivery(world);
    const steps = await dieAt(never);
    expect(steps).toBeGreaterThanOrEqual(7);
    await world.airtable.runGame();
    await settleDown(1);

    for (let step = 1; step <= steps; step += 1) {
      for (const side of ["before", "after"] as const) {
        const where = `${side} step ${step}`;
        const { deliveryId } = await pendingDelivery(world);
        const before = purse(world, citizen);
        await dieAt({ step, side });
        await settleDown(2);
        expect(
          veniceRows(world, deliveryId).filter(({ fields }) => fields["Status"] === "active"),
          where,
        ).toHaveLength(1);
        await world.airtable.runGame();
        await settleDown(1);
        await world.airtable.runGame();
        await settleDown(1);
        const rows = veniceRows(world, deliveryId).map(({ fields }) => fields["Status"]);
        expect(
          rows.filter((status) => status === "executed"),
          where,
        ).toHaveLength(1);
        expect(
          rows.filter((status) => status !== "executed" && status !== "planned"),
          where,
        ).toEqual([]);
        expect(purse(world, citizen) - before, where).toBe(100);
        expect((await deliveryRow(world, deliveryId))?.["status"], where).toBe("executed");
      }
    }
    await booksBalance(world);
  }, 180_000);
});

describe("killed while watching", () => {
  test("at every step, before and after its effect: concluded once", async () => {
    const measured = await pendingDelivery(world);
    await fiveDrains(clock);
    await world.airtable.runGame();
    advance(clock, minutes(1));
    const steps = await dieAt(never);
    expect((await deliveryRow(world, measured.deliveryId))?.["status"]).toBe("executed");
    for (let step = 1; step <= steps; step += 1) {
      for (const side of ["before", "after"] as const) {
        const { customer, deliveryId } = await pendingDelivery(world);
        await fiveDrains(clock);
        await world.airtable.runGame();
        advance(clock, minutes(1));
        await dieAt({ step, side });
        await settleDown(1);
        expect((await deliveryRow(world, deliveryId))?.["status"], `${side} step ${step}`).toBe("executed");
        const posted = await world.database.rows("select 1 from transactions where business_key = $1", [
          `delivery:${deliveryId}`,
        ]);
        expect(posted).toHaveLength(1);
        const [kept] = await world.database.rows(
          "select wallet, transit from balances where account_id = $1",
          [customer.id],
        );
        expect(kept).toEqual({ wallet: "0", transit: "0" });
      }
    }
    await booksBalance(world);
  }, 120_000);
});

describe("Airtable's own bad days", () => {
  test.each([
    ["the create's answer is lost", { kind: "drop_after", method: "POST", path: "STRATAGEMS" }],
    ["the create is refused with 500", { kind: "status", status: 500, method: "POST", path: "STRATAGEMS" }],
    ["the create never arrives", { kind: "drop_before", method: "POST", path: "STRATAGEMS" }],
    ["the activation's answer is lost", { kind: "drop_after", method: "PATCH", path: "STRATAGEMS" }],
    ["the activation never arrives", { kind: "drop_before", method: "PATCH", path: "STRATAGEMS" }],
    [
      "the activation is refused with 503",
      { kind: "status", status: 503, method: "PATCH", path: "STRATAGEMS" },
    ],
    ["the look-up is refused with 429", { kind: "status", status: 429, method: "GET", path: "STRATAGEMS" }],
    ["the purse cannot be read", { kind: "status", status: 500, method: "GET", path: "CITIZENS" }],
    ["the create is done twice", { kind: "repeat", method: "POST", path: "STRATAGEMS" }],
  ] as const)("%s: one credit", async (_, fault) => {
    const { deliveryId } = await pendingDelivery(world);
    const before = purse(world, citizen);
    world.airtable.faults.plan(fault);
    await fiveDrains(clock);
    await endPenalty(world);
    await settleDown(3);
    await world.airtable.runGame();
    await settleDown(1);
    expect(veniceRows(world, deliveryId).filter(({ fields }) => fields["Status"] !== "planned")).toHaveLength(
      1,
    );
    expect(purse(world, citizen) - before).toBe(100);
    expect((await deliveryRow(world, deliveryId))?.["status"]).toBe("executed");
    await booksBalance(world);
  });

  test("a worker that comes back late cannot report, and activates nothing", async () => {
    const { deliveryId } = await pendingDelivery(world);
    const app = appAt({ now: clock.now });
    const { claimDeliveries, markActive, pinRecords } = await import("../../lib/delivery/outbox.ts");
    const [stale] = await claimDeliveries(app, 10, true);
    if (!stale) throw new Error("nothing claimed");
    advance(clock, minutes(3));
    await fiveDrains(clock);
    // Its end was a try, with the pause that one has.
    advance(clock, minutes(2));
    await fiveDrains(clock);
    expect(await pinRecords(app, [{ ...stale, recordId: "recStale0000000000", isInert: true }])).toEqual(
      new Map(),
    );
    expect(await markActive(app, [stale])).toBe(0);
    expect((await deliveryRow(world, deliveryId))?.["status"]).toBe("active");
  });

  test("while a lease or its quiet period lasts, nobody else takes the delivery", async () => {
    const { deliveryId } = await pendingDelivery(world);
    const { claimDeliveries } = await import("../../lib/delivery/outbox.ts");
    expect(await claimDeliveries(appAt(clock), 10, true)).toHaveLength(1);
    for (const seconds of [60, 29, 29]) {
      advance(clock, seconds * 1000);
      await fiveDrains(clock);
      expect((await deliveryRow(world, deliveryId))?.["status"]).toBe("pending");
    }
    advance(clock, 5_000);
    await fiveDrains(clock);
    expect(await deliveryRow(world, deliveryId)).toMatchObject({ status: "pending", leased_until: null });
    advance(clock, minutes(2));
    await fiveDrains(clock);
    expect((await deliveryRow(world, deliveryId))?.["status"]).toBe("active");
  });
});
