/** What a row says is evidence; what the processor's purse did decides. */
import { expect, test } from "vitest";
import { runOnce } from "../../lib/delivery/run.ts";
import { sendLetters } from "../../lib/letters/send.ts";
import {
  advance,
  asExecuted,
  asRefused,
  minutes,
  deliveryRow,
  pendingDelivery,
  processor,
  purse,
  useDeliveries,
  veniceRows,
} from "../support/delivering.ts";
import { call } from "../support/call.ts";
import { appAt, booksBalance, newCustomer, statusOf, useWorld } from "../support/world.ts";

const world = useWorld();
const { clock, run, activeDelivery, status, alertsOf, openAlerts } = useDeliveries(world);

test("executed, and the purse moved by exactly that: arrived, posted to venice", async () => {
  const { deliveryId, customer, row } = await activeDelivery({ pack: "explorer" });
  expect(row.fields).toMatchObject({
    Type: "transfer_ducats",
    Variant: "instant",
    Category: "economic",
    ExecutedBy: processor,
    TargetCitizen: "RialtoBanker",
    Status: "active",
  });
  expect(JSON.parse(String(row.fields["Notes"]))).toMatchObject({
    source: "cascade_payment_processor",
    payment_type: "stripe_purchase",
    amount: 525,
    delivery_id: deliveryId,
  });
  expect((await run()).executed).toBe(0);
  await world.airtable.runGame();
  expect((await run()).executed).toBe(1);
  expect((await statusOf(customer)).deliveries[0].status).toBe("executed");
  const [delivered] = await world.database.rows(
    "select amount from entries where ledger = 'venice' order by id desc limit 1",
  );
  expect(delivered).toEqual({ amount: "525000" });
  await booksBalance(world);
});

test("several at once, in one interval, each to its own citizen", async () => {
  const deliveries = [];
  for (const citizen of ["RialtoBanker", "LaceWeaverOrsola", "Bepi_Dall'Oro"])
    deliveries.push(await pendingDelivery(world, { pack: "starter" }, citizen));
  const before = purse(world, "Bepi_Dall'Oro");
  await run();
  await world.airtable.runGame();
  expect((await run()).executed).toBe(3);
  expect(purse(world, "Bepi_Dall'Oro") - before).toBe(100);
  await booksBalance(world);
});

test("refused for want of funds: made worthless in Venice at once, back in the wallet half an hour later", async () => {
  const { deliveryId, customer, row } = await activeDelivery();
  const before = purse(world, processor);
  world.airtable.setDucats(processor, 5);
  await world.airtable.runGame();
  world.airtable.setDucats(processor, before);
  expect((await run()).rejected).toBe(0);
  const [voided] = veniceRows(world, deliveryId);
  expect(voided?.fields["Status"]).toBe("cancelled");
  expect(JSON.parse(String(voided?.fields["Notes"]))).toMatchObject({ amount: 0, voided: true });
  expect(await status(deliveryId)).toBe("active");
  // Even run by hand it pays nothing any more.
  await world.airtable.runStratagem(String(row.fields["StratagemId"]));
  expect(purse(world, processor)).toBe(before);
  expect((await run(29)).rejected).toBe(0);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0, transitMillis: 100_000 });
  expect((await run()).rejected).toBe(1);
  expect(await status(deliveryId)).toBe("rejected");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000, transitMillis: 0 });
  await booksBalance(world);
});

test("a row forged to executed before the game ran: not believed, uncertain after a while, never paid out here", async () => {
  const { deliveryId, customer, row } = await activeDelivery();
  world.airtable.forge("STRATAGEMS", row.id, asExecuted(row));
  expect((await run()).watching).toBe("waiting");
  expect(await status(deliveryId)).toBe("active");
  await run(4);
  expect(await status(deliveryId)).toBe("uncertain");
  expect(await alertsOf(deliveryId)).toEqual([{ kind: "delivery_uncertain" }]);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0, transitMillis: 100_000 });
  await booksBalance(world);
});

test("a row forged to failed after it was executed: no return to the wallet, no second sending", async () => {
  const { deliveryId, customer, row } = await activeDelivery();
  await world.airtable.runGame();
  world.airtable.forge("STRATAGEMS", row.id, asRefused(row));
  await run(6);
  expect(await status(deliveryId)).toBe("uncertain");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0, transitMillis: 100_000 });
  await world.airtable.runGame();
  expect(veniceRows(world, deliveryId)).toHaveLength(1);
  await booksBalance(world);
});

test.each([
  ["its amount was altered", (notes: string) => ({ Notes: notes.replace('"amount":100', '"amount":9000') })],
  ["its payee was altered", () => ({ TargetCitizen: "BarnabottoLuca" })],
  ["its payer was altered", () => ({ ExecutedBy: "SaltMerchantPisana" })],
  [
    "the game reports an error",
    () => ({ Status: "error", Notes: "Error during background processing: timeout" }),
  ],
  [
    "it failed for no known reason",
    (notes: string) => ({ Status: "failed", Notes: `${notes}\n[ERROR] Processing error: boom` }),
  ],
])("a row that proves nothing (%s) becomes uncertain with its evidence", async (_, changes) => {
  const { deliveryId, row } = await activeDelivery();
  world.airtable.forge("STRATAGEMS", row.id, changes(String(row.fields["Notes"])));
  await run();
  expect(await status(deliveryId)).toBe("uncertain");
  expect((await deliveryRow(world, deliveryId))?.["evidence"]).toMatchObject({ row: { recordId: row.id } });
  expect(await alertsOf(deliveryId)).toHaveLength(1);
  await booksBalance(world);
});

test("a row that is gone becomes uncertain; one altered while it was inert is never activated", async () => {
  const { deliveryId, row } = await activeDelivery();
  world.airtable.remove("STRATAGEMS", row.id);
  await run();
  expect(await status(deliveryId)).toBe("uncertain");

  const planned = await pendingDelivery(world);
  world.airtable.faults.plan({ kind: "drop_before", method: "PATCH" });
  await run();
  const [inert] = veniceRows(world, planned.deliveryId);
  if (!inert) throw new Error("no inert row");
  world.airtable.forge("STRATAGEMS", inert.id, { Notes: JSON.stringify({ amount: 999_999 }) });
  advance(clock, minutes(3));
  await run();
  await run();
  expect(veniceRows(world, planned.deliveryId).map(({ fields }) => fields["Status"])).toEqual(["planned"]);
  expect(await status(planned.deliveryId)).toBe("uncertain");
});

test("a stratagem written by a stranger in the processor's name is noticed, and concludes nothing of ours", async () => {
  const { deliveryId } = await activeDelivery();
  world.airtable.setDucats(processor, purse(world, processor) - 777);
  expect((await run()).watching).toBe("waiting");
  await run(4);
  expect(await status(deliveryId)).toBe("active");
  expect(await openAlerts("purse_unexplained")).toHaveLength(1);
  await world.airtable.runGame();
  expect((await run()).executed).toBe(1);
});

test("the game in the middle of its writes is waited for", async () => {
  const { deliveryId } = await activeDelivery();
  world.airtable.setDucats(processor, purse(world, processor) - 100);
  expect((await run()).watching).toBe("waiting");
  expect(await status(deliveryId)).toBe("active");
  world.airtable.setDucats(processor, purse(world, processor) + 100);
  await world.airtable.runGame();
  expect((await run()).executed).toBe(1);
});

test("the purse is topped up while nothing is under way: alerted, and the next delivery concludes", async () => {
  world.airtable.setDucats(processor, purse(world, processor) + 5_000);
  const { deliveryId } = await activeDelivery();
  await world.airtable.runGame();
  expect((await run()).executed).toBe(1);
  expect(await status(deliveryId)).toBe("executed");
});

test("replenishment-check alerts once below the floor, counts what is promised, mails once, and closes when refilled", async () => {
  const before = purse(world, processor);
  const { customer } = await pendingDelivery(world, { pack: "noble" });
  world.airtable.setDucats(processor, 102_000);
  const check = () =>
    call("replenishment-check", { method: "POST", json: { next_run: "2026-11-20T13:00:00Z" } });
  const first = await check();
  expect(first.body).toMatchObject({ purseMillis: 102_000_000, alert: "opened" });
  expect(first.body.freeMillis).toBe(102_000_000 - first.body.promisedMillis);
  expect(first.body.promisedMillis).toBeGreaterThanOrEqual(5_750_000);
  expect((await check()).body.alert).toBe("still_open");
  expect((await check()).body.alert).toBe("still_open");
  for (let mailing = 0; mailing < 2; mailing += 1) await sendLetters(appAt({ now: new Date() }));
  const mails = world.mailbox.messages().filter(({ subject }) => subject.includes("reserve low"));
  expect(mails).toHaveLength(1);
  expect(mails[0]?.text).toMatch(/holds 102000 ducats/);
  expect(purse(world, processor)).toBe(102_000);
  world.airtable.setDucats(processor, before);
  expect((await check()).body.alert).toBe("closed");
  expect((await check()).body.alert).toBe("none");
  expect(customer.id).toMatch(/^acc_/);
});

test("deliver-ducats answers what it did; a payment's webhook starts the same work by itself", async () => {
  expect(
    (await call("deliver-ducats", { method: "POST", json: { next_run: "2026-11-20T13:00:00Z" } })).status,
  ).toBe(200);
  const { paidPurchase, deliver } = await import("../support/world.ts");
  const customer = await newCustomer();
  const { purchaseId, completed } = await paidPurchase(world, customer, { pack: "starter" });
  await (
    await deliver(completed)
  ).afterwards;
  expect(await status(purchaseId.replace("pur_", "dlv_"))).toBe("active");
});

test("the purse moves while it is being read: nothing new is sent in that run", async () => {
  const { row } = await activeDelivery();
  world.airtable.forge("STRATAGEMS", row.id, { Name: "touched" });
  const waiting = await pendingDelivery(world);
  advance(clock, minutes(1));
  const app = appAt(clock);
  const moving: typeof app.venice.purses = async (names) => {
    const purses = await app.venice.purses(names);
    world.airtable.setDucats(processor, purse(world, processor) - 100);
    return purses;
  };
  const report = await runOnce({ ...app, venice: { ...app.venice, purses: moving } }, 100);
  expect(report).toMatchObject({ watching: "stale", sent: 0 });
  expect(await status(waiting.deliveryId)).toBe("pending");
});
