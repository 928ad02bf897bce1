/** What waits for a person: shown with its evidence, decided once, by an admin, and written down. */
import { beforeAll, expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useDeliveries, pendingDelivery } from "../../support/delivering.ts";
import { booksBalance, newCustomer, statusOf, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
const { status, openAlerts, activeDelivery } = useDeliveries(world);
let admin: Customer;
beforeAll(async () => {
  admin = await newCustomer();
  await world.database.rows("update accounts set role = 'admin' where id = $1", [admin.id]);
});

function decide(id: string, action: string, reason = "compared row and purse") {
  return call("dead-letters", { tail: `/${id}`, json: { action, reason }, token: admin.token });
}

async function listed(id: string) {
  const { body } = await call("dead-letters", { token: admin.token });
  return body.deliveries.find((each: { id: string }) => each.id === id);
}

async function uncertain() {
  const pending = await pendingDelivery(world, { pack: "starter", deliverTo: "venice" });
  await world.database.rows(
    "update deliveries set status = 'uncertain', concluded_at = now(), evidence = '{\"row\": null}' where id = $1",
    [pending.deliveryId],
  );
  return pending;
}

async function parked() {
  const pending = await pendingDelivery(world, { pack: "starter", deliverTo: "venice" });
  await world.database.rows("update deliveries set parked_at = now(), tries = 24 where id = $1", [
    pending.deliveryId,
  ]);
  return pending;
}

test("an uncertain one is listed with its evidence; `arrived` ends it, once, with reason and name", async () => {
  const { deliveryId, customer } = await uncertain();
  expect(await listed(deliveryId)).toMatchObject({ status: "uncertain", evidence: { row: null } });
  const answers = await Promise.all(Array.from({ length: 5 }, () => decide(deliveryId, "arrived")));
  expect(answers.map((each) => each.status).sort()).toEqual([204, 409, 409, 409, 409]);
  expect(await status(deliveryId)).toBe("executed");
  expect(await statusOf(customer)).toMatchObject({ transitMillis: 0, walletMillis: 0 });
  const { body } = await call("deliveries", { tail: `/${deliveryId}`, token: customer.token });
  expect(body.steps.at(-1)).toMatchObject({ status: "executed" });
  const { entries } = (await call("audit", { tail: `?account=${customer.id}`, token: admin.token })).body;
  expect(entries[0]).toMatchObject({
    ...{ act: "delivery.arrived", actor: admin.id },
    detail: { delivery: deliveryId, reason: "compared row and purse" },
  });
  await booksBalance(world);
});

test("`return` gives the ducats back to the wallet, once", async () => {
  const { deliveryId, customer } = await uncertain();
  const answers = await Promise.all(Array.from({ length: 5 }, () => decide(deliveryId, "return")));
  expect(answers.filter((each) => each.status === 204)).toHaveLength(1);
  expect(await statusOf(customer)).toMatchObject({ transitMillis: 0, walletMillis: 100_000 });
  await booksBalance(world);
});

test("`look` keeps what is in Venice now and decides nothing", async () => {
  const { deliveryId } = await uncertain();
  expect((await decide(deliveryId, "look")).status).toBe(204);
  const { evidence } = await listed(deliveryId);
  expect(evidence.looked).toMatchObject({ rows: null, citizenPurseMillis: expect.stringMatching(/^\d+$/) });
  expect(await status(deliveryId)).toBe("uncertain");
});

test("`look` reads the pinned row, or those that may be this delivery's; a row that is gone is not there", async () => {
  const { row } = await activeDelivery();
  const looked = async (deliveryId: string) => {
    await decide(deliveryId, "look");
    const { rows } = (await listed(deliveryId)).evidence.looked;
    return rows.map(({ recordId }: { recordId: string }) => recordId);
  };
  const candidates = await uncertain();
  await world.database.rows("update deliveries set evidence = $2 where id = $1", [
    candidates.deliveryId,
    { row: null, rows: [{ recordId: row.id }, { recordId: "recGone0000000000" }] },
  ]);
  expect(await looked(candidates.deliveryId)).toEqual([row.id]);
  const pinned = await uncertain();
  await world.database.rows(
    "update deliveries set record_id = null, status = 'uncertain', concluded_at = now() where record_id = $1",
    [row.id],
  );
  await world.database.rows("update deliveries set record_id = $2 where id = $1", [
    pinned.deliveryId,
    row.id,
  ]);
  expect(await looked(pinned.deliveryId)).toEqual([row.id]);
  world.airtable.remove("STRATAGEMS", row.id);
  expect(await looked(pinned.deliveryId)).toEqual([]);
});

test("an uncertain one is never sent again", async () => {
  const { deliveryId } = await uncertain();
  expect((await decide(deliveryId, "resend")).body.code).toBe("not_possible");
});

test("a parked one is not claimed; `resend` lets it go on, `return` gives it back", async () => {
  const [one, two] = [await parked(), await parked()];
  await call("deliver-ducats", { json: {} });
  expect(await status(one.deliveryId)).toBe("pending");
  expect((await decide(one.deliveryId, "arrived")).body.code).toBe("not_possible");
  expect((await decide(one.deliveryId, "resend")).status).toBe(204);
  await call("deliver-ducats", { json: {} });
  expect(await status(one.deliveryId)).toBe("active");
  expect((await decide(two.deliveryId, "return")).status).toBe(204);
  expect(await statusOf(two.customer)).toMatchObject({ transitMillis: 0, walletMillis: 100_000 });
  expect(await listed(two.deliveryId)).toBeUndefined();
});

test("what has ended is not parked, and the alert goes with the last one, whoever saw to it", async () => {
  const [one, two] = [await parked(), await parked()];
  await world.database.rows("select open_alert(now(), 'deliveries_parked', 'deliveries', 'two')");
  await world.database.rows(
    "update deliveries set status = 'uncertain', concluded_at = now() where id = $1",
    [one.deliveryId],
  );
  expect(await listed(one.deliveryId)).toMatchObject({ parkedAt: null });
  expect((await decide(one.deliveryId, "resend")).body.code).toBe("not_possible");
  await call("deliver-ducats", { json: {} });
  expect(await openAlerts("deliveries_parked")).toHaveLength(1);
  await world.database.rows(
    "update deliveries set status = 'cancelled', concluded_at = now() where id = $1",
    [two.deliveryId],
  );
  await call("deliver-ducats", { json: {} });
  expect(await openAlerts("deliveries_parked")).toEqual([]);
});

test.each(["", " ", "x".repeat(501)])("a decision needs a reason: %o is refused", async (reason) => {
  const { deliveryId } = await uncertain();
  const answer = await decide(deliveryId, "return", reason);
  expect([answer.status, answer.body.field]).toEqual([422, "reason"]);
});
