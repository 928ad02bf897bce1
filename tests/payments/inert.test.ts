/** A delivery whose row waits inert in Venice when its money goes back: cancelled, as if it had not been begun. */
import { afterEach, expect, test } from "vitest";
import { deliveryRow, purse, veniceRows } from "../support/delivering.ts";
import { useReversals } from "../support/reversing.ts";
import { useWatched } from "../support/watching.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
const { clock, run, pass, status, alertsOf } = useWatched(world);
const { bought, balance, purchase, news } = useReversals(world);
const citizen = "RialtoBanker";
const hours = (count: number) => count * 3_600_000;

afterEach(() => booksBalance(world));

/** Its row is in Venice, and Airtable refuses to activate it. */
async function planned(fault: object = { kind: "status", status: 422 }) {
  const order = await bought({ pack: "starter", deliverTo: "venice" });
  world.airtable.faults.plan({ ...fault, method: "PATCH", path: "STRATAGEMS", times: 50 } as never);
  await run().catch(() => undefined);
  expect(await status(order.deliveryId)).toBe("planned");
  world.airtable.faults.clear();
  return order;
}

/** Everything has had its turn, the game too; what came to the citizen. */
async function later(): Promise<number> {
  const before = purse(world, citizen);
  pass(hours(2));
  await run(2);
  await world.airtable.runGame();
  await run(3);
  return purse(world, citizen) - before;
}

const statuses = (deliveryId: string) =>
  veniceRows(world, deliveryId).map(({ fields }) => String(fields["Status"]));

test("refunded: not sent, its ducats repay what was owed for them, and the row is worthless", async () => {
  const order = await planned();
  world.stripe.refund(order.payment);
  await news();
  expect(await balance(order.customer)).toMatchObject({ transit: 100_000, debt: 100_000 });
  expect(await later()).toBe(0);
  expect(await status(order.deliveryId)).toBe("cancelled");
  expect(await balance(order.customer)).toMatchObject({ wallet: 0, transit: 0, debt: 0 });
  expect(statuses(order.deliveryId)).toEqual(["cancelled"]);
});

test("refunded in part: the rest is in the wallet", async () => {
  const order = await planned();
  world.stripe.refund(order.payment, { amount: 250 });
  await news();
  expect(await later()).toBe(0);
  expect(await balance(order.customer)).toMatchObject({ wallet: 75_000, transit: 0, debt: 0 });
});

test("disputed: frozen; lost: gone, and nothing was sent", async () => {
  const order = await planned();
  const dispute = world.stripe.openDispute(order.payment);
  await news();
  expect(await purchase(order.purchaseId)).toMatchObject({ frozen: 0, risk: 100_000 });
  expect(await later()).toBe(0);
  expect(await purchase(order.purchaseId)).toMatchObject({ frozen: 100_000, risk: 0 });
  world.stripe.decideDispute(dispute.id, "lost");
  await news();
  expect(await later()).toBe(0);
  expect(await balance(order.customer)).toMatchObject({ wallet: 0, transit: 0, frozen: 0, debt: 0 });
});

test("disputed and won: sent then, once, by another row", async () => {
  const order = await planned();
  const dispute = world.stripe.openDispute(order.payment);
  await news();
  expect(await later()).toBe(0);
  world.stripe.decideDispute(dispute.id, "won");
  await news();
  expect(await later()).toBe(100);
  expect(await status(order.deliveryId)).toBe("executed");
  expect(statuses(order.deliveryId).toSorted()).toEqual(["cancelled", "executed"]);
  expect(await balance(order.customer)).toMatchObject({ wallet: 0, transit: 0, frozen: 0, debt: 0 });
});

test("disputed for forty days and won: sent by a row that lives, and not late", async () => {
  const order = await planned();
  const dispute = world.stripe.openDispute(order.payment);
  await news();
  expect(await later()).toBe(0);
  pass(hours(40 * 24));
  world.stripe.decideDispute(dispute.id, "won");
  await news();
  await run();
  await world.database.rows("select check_lateness($1)", [clock.now]);
  expect(await alertsOf("deliveries")).toEqual([]);
  expect(await later()).toBe(100);
  expect(await status(order.deliveryId)).toBe("executed");
  const steps = await world.database.rows<{ status: string; at: Date }>(
    "select status, at from delivery_events where delivery_id = $1 order by id",
    [order.deliveryId],
  );
  expect(steps.map((step) => step.status).slice(-5)).toEqual([
    "cancelled",
    "pending",
    "planned",
    "active",
    "executed",
  ]);
  const times = steps.map(({ at }) => at.getTime());
  expect(times).toEqual(times.toSorted((one, other) => one - other));
});

test("parked: looked at again, and cancelled", async () => {
  const order = await planned();
  await world.database.rows("update deliveries set parked_at = now(), tries = 24 where id = $1", [
    order.deliveryId,
  ]);
  world.stripe.refund(order.payment);
  await news();
  expect(await later()).toBe(0);
  expect(await deliveryRow(world, order.deliveryId)).toMatchObject({ status: "cancelled", parked_at: null });
});

test("its activation's answer was lost: it may be paid, so it is not cancelled", async () => {
  const order = await planned({ kind: "drop_after" });
  expect(statuses(order.deliveryId)).toEqual(["active"]);
  world.stripe.refund(order.payment);
  await news();
  await later();
  expect(await status(order.deliveryId)).toBe("executed");
  expect(statuses(order.deliveryId)).toEqual(["executed"]);
});
