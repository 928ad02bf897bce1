/** What cannot be sent: tried ever more rarely, alone when it fails twice, set aside after 24 tries; and a purse that can't pay. */
import { beforeEach, expect, test } from "vitest";
import { claimDeliveries } from "../../lib/delivery/outbox.ts";
import { sendBatch } from "../../lib/delivery/send.ts";
import {
  advance,
  deliveryRow,
  fiveDrains,
  minutes,
  pendingDelivery,
  processor,
  purse,
  useDeliveries,
  veniceRows,
} from "../support/delivering.ts";
import { appAt, useWorld } from "../support/world.ts";

const world = useWorld();
const { clock, run, status, openAlerts } = useDeliveries(world);

/** Nothing is sent before the purse was read once. */
beforeEach(async () => {
  await world.database.rows("select begin_reserve(now(), $1)", [purse(world, processor) * 1000]);
});

async function nextAt(id: string): Promise<number> {
  const [row] = await world.database.rows<{ at: Date }>(
    "select next_at as at from deliveries where id = $1",
    [id],
  );
  return row?.at.getTime() ?? Number.NaN;
}

test("the pauses grow to an hour and are spread; after 24 tries a person is asked, once", async () => {
  await run();
  const { deliveryId } = await pendingDelivery(world);
  // Claimed once before: a look-up comes first, whose failure certainly changed nothing.
  await world.database.rows("update deliveries set lease_token = 1 where id = $1", [deliveryId]);
  const pauses: number[] = [];
  for (let tries = 0; tries < 24; tries += 1) {
    world.airtable.faults.plan({ kind: "status", status: 503 });
    await sendBatch(appAt(clock), true).catch(() => 0);
    const next = await nextAt(deliveryId);
    pauses.push((next - clock.now.getTime()) / minutes(1));
    clock.now = new Date(next + 1);
  }
  for (const [tries, pause] of pauses.entries()) {
    const expected = Math.min(2 ** tries, 60);
    expect(pause).toBeGreaterThanOrEqual(expected * 0.75 - 0.01);
    expect(pause).toBeLessThanOrEqual(expected * 1.25 + 0.01);
  }
  expect(new Set(pauses.slice(6)).size).toBeGreaterThan(1);
  expect(await deliveryRow(world, deliveryId)).toMatchObject({ status: "pending", tries: 24 });
  expect(await openAlerts("deliveries_parked")).toEqual([{ subject: "deliveries" }]);
  advance(clock, minutes(600));
  expect(await sendBatch(appAt(clock), true)).toBe(0);
});

test("one that Airtable refuses holds up nobody: after two failures it is tried alone", async () => {
  await run();
  const sick = await pendingDelivery(world);
  // The next payment's webhook would send it before Airtable refuses it.
  await world.database.rows("update deliveries set next_at = '2100-01-01' where id = $1", [sick.deliveryId]);
  const well = await pendingDelivery(world);
  await world.database.rows("update deliveries set next_at = '2000-01-01' where id = $1", [sick.deliveryId]);
  for (let minute = 0; minute < 30 && (await status(well.deliveryId)) !== "active"; minute += 1) {
    world.airtable.faults.clear();
    world.airtable.faults.plan({
      kind: "status",
      status: 422,
      method: "POST",
      body: sick.deliveryId,
      times: 9,
    });
    advance(clock, minutes(3));
    for (let batch = 0; batch < 3; batch += 1) await sendBatch(appAt(clock), true).catch(() => 0);
  }
  expect(await status(well.deliveryId)).toBe("active");
  expect(await status(sick.deliveryId)).toBe("pending");
});

test("a purse that can't pay: the delivery waits, in its turn, until it can", async () => {
  await run();
  const first = await pendingDelivery(world);
  const second = await pendingDelivery(world);
  const before = purse(world, processor);
  world.airtable.setDucats(processor, 150);
  await world.database.rows("update reserve set purse_millis = 150000");
  await run(2);
  expect([await status(first.deliveryId), await status(second.deliveryId)]).toEqual(["active", "pending"]);
  expect(veniceRows(world, second.deliveryId)).toEqual([]);
  await world.airtable.runGame();
  await run(2);
  expect(await status(first.deliveryId)).toBe("executed");
  // Topped up, and explained: the reserve begins anew from what is there.
  world.airtable.setDucats(processor, before);
  await world.database.rows("update reserve set purse_millis = $1", [before * 1000]);
  await run(1);
  expect(await status(second.deliveryId)).toBe("active");
});

/** Not due before the test says so: the next payment's webhook would send it. */
async function held() {
  const pending = await pendingDelivery(world);
  await world.database.rows("update deliveries set next_at = '2100-01-01' where id = $1", [
    pending.deliveryId,
  ]);
  return pending;
}

test("two runs at once promise the purse once: what one has claimed is under way for the other", async () => {
  await run();
  const first = await held();
  const second = await held();
  await world.database.rows("update deliveries set next_at = '2000-01-01' where status = 'pending'");
  await world.database.rows("update reserve set purse_millis = 100000");
  const claim = async (at: Date) =>
    (await claimDeliveries({ db: appAt(clock).db, clock: () => at }, 1, true)).map(({ id }) => id);
  const claimed = await Promise.all([claim(clock.now), claim(clock.now)]);
  const [winner] = claimed.flat();
  expect(claimed.flat()).toHaveLength(1);
  expect(await claim(new Date(clock.now.getTime() + minutes(1.9)))).toEqual([]);
  // Its holder and what that sent are gone: either may go on, one of them.
  expect(await claim(new Date(clock.now.getTime() + minutes(2)))).toHaveLength(1);
  expect([first.deliveryId, second.deliveryId]).toContain(winner);
});

test("a lease that ended without a word is one try, however many runs find it at once", async () => {
  await run();
  const { deliveryId } = await pendingDelivery(world);
  world.airtable.faults.plan({ kind: "drop_before", method: "POST", path: "STRATAGEMS" });
  await run();
  advance(clock, minutes(3));
  await fiveDrains(clock);
  expect(await deliveryRow(world, deliveryId)).toMatchObject({ tries: 1, leased_until: null });
});

test("answers that never come count: ever more rarely, and after 24 a person is asked", async () => {
  await run();
  const { deliveryId } = await pendingDelivery(world);
  for (let tries = 0; tries < 24; tries += 1) {
    world.airtable.faults.plan({ kind: "drop_before", method: "POST", path: "STRATAGEMS", times: 9 });
    expect((await run()).stopped).not.toBeNull();
    expect(await deliveryRow(world, deliveryId)).toMatchObject({ status: "pending", tries, parked_at: null });
    world.airtable.faults.clear();
    advance(clock, minutes(1));
    await run();
    advance(clock, minutes(90));
  }
  expect(await deliveryRow(world, deliveryId)).toMatchObject({
    ...{ status: "pending", tries: 24, last_error: "Venice gave no answer", parked_at: expect.any(Date) },
  });
  expect(await openAlerts("deliveries_parked")).toEqual([{ subject: "deliveries" }]);
});
