/** A dispute sets ducats aside; lost, they are gone; won, everything is as it was. Events only say that something happened. */
import { describe, expect, test } from "vitest";
import { call } from "../support/call.ts";
import { useReversals } from "../support/reversing.ts";
import { booksBalance, deliver, newCustomer, paidPurchase, useWorld } from "../support/world.ts";

const world = useWorld();
const { bought, refund, balance, purchase, news, spend, dollars } = useReversals(world);

async function deliveryStatus(id: string) {
  const [row] = await world.database.rows<{ status: string }>("select status from deliveries where id = $1", [
    id,
  ]);
  return row?.status;
}

async function openAlerts(subject: string) {
  const rows = await world.database.rows<{ kind: string }>(
    "select kind from alerts where subject = $1 and closed_at is null",
    [subject],
  );
  return rows.map(({ kind }) => kind);
}

test("opened: what is there is frozen, the rest at risk; nothing leaves the wallet; the operator is told", async () => {
  const { purchaseId, customer, payment } = await bought({ pack: "explorer" });
  await spend(customer, 100_000);
  const dispute = world.stripe.openDispute(payment);
  await news();
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 425_000, debt: 0 });
  expect(await purchase(purchaseId)).toEqual({ frozen: 425_000, burned: 0, risk: 100_000, owed: 0 });
  expect(await openAlerts(dispute.id)).toEqual(["dispute_open"]);
  await bought({}, customer);
  const withdrawn = await call("withdraw", {
    json: { ducats: 1 },
    token: customer.token,
    headers: { "idempotency-key": "out" },
  });
  expect([withdrawn.status, withdrawn.body.code]).toEqual([409, "payment_disputed"]);
  await booksBalance(world);
});

test("lost: the frozen burn, the risk becomes debt, the dollars stay away", async () => {
  const before = await dollars();
  const { purchaseId, customer, payment } = await bought({ pack: "explorer" });
  await spend(customer, 100_000);
  const dispute = world.stripe.openDispute(payment);
  await news();
  world.stripe.decideDispute(dispute.id, "lost");
  await news();
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 0, debt: 100_000 });
  expect(await purchase(purchaseId)).toEqual({ frozen: 0, burned: 525_000, risk: 0, owed: 0 });
  expect((await dollars()).get("disputes")).toBe((before.get("disputes") ?? 0) + 5_000);
  expect(await openAlerts(dispute.id)).toEqual([]);
  expect((await refund({ purchaseId })).body.detail).toBe(
    "$0.00 of it can still be refunded; $50.00 was lost to a dispute or never came.",
  );
  await booksBalance(world);
});

test("won: released, the dollars are back, and the delivery that was held back goes on", async () => {
  const { purchaseId, customer, payment, deliveryId } = await bought({
    pack: "explorer",
    deliverTo: "venice",
  });
  const before = await dollars();
  const dispute = world.stripe.openDispute(payment);
  await news();
  expect([await deliveryStatus(deliveryId), await balance(customer)]).toMatchObject([
    "cancelled",
    { wallet: 0, transit: 0, frozen: 525_000 },
  ]);
  world.stripe.decideDispute(dispute.id, "won");
  await news();
  expect([await deliveryStatus(deliveryId), await balance(customer)]).toMatchObject([
    "pending",
    { wallet: 0, transit: 525_000, frozen: 0, debt: 0 },
  ]);
  expect(await purchase(purchaseId)).toEqual({ frozen: 0, burned: 0, risk: 0, owed: 0 });
  expect(await dollars()).toEqual(before);
  await booksBalance(world);
});

test("a partial one freezes its share", async () => {
  const { customer, payment } = await bought({ pack: "explorer" });
  world.stripe.openDispute(payment, { amount: 1_000 });
  await news();
  expect(await balance(customer)).toMatchObject({ wallet: 420_000, frozen: 105_000 });
});

test("a bank that only asks moves nothing; when it takes the money, it does", async () => {
  const { customer, payment } = await bought();
  const dispute = world.stripe.openDispute(payment, { status: "warning_needs_response" });
  await news();
  expect(await balance(customer)).toMatchObject({ wallet: 100_000, frozen: 0 });
  expect(await openAlerts(dispute.id)).toEqual(["dispute_open"]);
  world.stripe.escalateDispute(dispute.id);
  await news();
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 100_000 });
  world.stripe.decideDispute(dispute.id, "won");
  await news();
  expect(await balance(customer)).toMatchObject({ wallet: 100_000, frozen: 0 });
});

test("a warning that is closed leaves nothing behind", async () => {
  const { purchaseId, payment } = await bought();
  const dispute = world.stripe.openDispute(payment, { status: "warning_needs_response" });
  await news();
  world.stripe.decideDispute(dispute.id, "warning_closed");
  await news();
  expect(await purchase(purchaseId)).toEqual({ frozen: 0, burned: 0, risk: 0, owed: 0 });
  expect(await openAlerts(dispute.id)).toEqual([]);
});

test("refund and dispute on one payment never take more than was given", async () => {
  const { purchaseId, customer, payment } = await bought({ pack: "explorer" });
  await refund({ purchaseId, amountCents: 4_000 });
  const dispute = world.stripe.openDispute(payment, { amount: 5_000 });
  await news();
  expect(await purchase(purchaseId)).toMatchObject({ burned: 420_000, frozen: 105_000, risk: 0 });
  world.stripe.decideDispute(dispute.id, "lost");
  await news();
  expect(await purchase(purchaseId)).toMatchObject({ burned: 525_000, frozen: 0 });
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 0, debt: 0 });
  await booksBalance(world);
});

describe("events that come as they like", () => {
  test("before the payment is known: kept, and taken into account when it is settled", async () => {
    const { customer, payment, completed, purchaseId } = await unsettled();
    world.stripe.openDispute(payment);
    const mark = world.stripe.events
      .since()
      .filter(({ type }) => type === "charge.dispute.created")
      .at(-1);
    expect((await deliver(mark ?? {})).body.outcome).toBe("read");
    expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 0 });
    await deliver(completed);
    expect(await purchase(purchaseId)).toMatchObject({ frozen: 100_000 });
    expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 100_000 });
    await booksBalance(world);
  });

  test("a read that took its ticket earlier changes nothing any more", async () => {
    const { purchaseId, payment } = await bought();
    const read = (ticket: number, refunds: object[]) =>
      world.database.rows<{ outcome: string }>("select save_payment_read(now(), $1) as outcome", [
        JSON.stringify({ payment, purchaseId, ticket: String(ticket), refunds, disputes: [] }),
      ]);
    const [{ ticket } = { ticket: "0" }] = await world.database.rows<{ ticket: string }>(
      "select take_payment_ticket() as ticket",
    );
    const one = { id: `re_${payment}`, amountCents: 1_000, status: "succeeded", createdAt: new Date() };
    expect(await read(Number(ticket) + 2, [{ ...one, status: "failed" }])).toEqual([{ outcome: "read" }]);
    expect(await read(Number(ticket) + 1, [one])).toEqual([{ outcome: "superseded" }]);
    expect(await purchase(purchaseId)).toMatchObject({ burned: 0 });
  });

  test("of a payment that is none of ours: ignored", async () => {
    const { payment, purchaseId } = await bought();
    const [row] = await world.database.rows("select save_payment_read(now(), $1) as outcome", [
      JSON.stringify({ payment: "pi_other", purchaseId: null, ticket: "9", refunds: [], disputes: [] }),
    ]);
    expect(row).toEqual({ outcome: "ignored" });
    expect(await purchase(purchaseId)).toMatchObject({ burned: 0 });
    expect(payment).toMatch(/^pi_/);
  });

  test("twenty of one dispute at once: one state", async () => {
    const { customer, payment } = await bought();
    world.stripe.openDispute(payment);
    const created = world.stripe.events
      .since()
      .filter(({ type }) => type === "charge.dispute.created")
      .at(-1);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => deliver({ ...created, id: `evt_copy_${payment}_${index}` })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 100_000 });
    await booksBalance(world);
  });

  test("Stripe is away: 503, nothing stored, and the next delivery does it", async () => {
    const { customer, payment } = await bought();
    world.stripe.openDispute(payment);
    const created =
      world.stripe.events
        .since()
        .filter(({ type }) => type === "charge.dispute.created")
        .at(-1) ?? {};
    world.stripe.faults.plan({ kind: "drop_before", method: "GET", path: "/v1/disputes", times: 3 });
    expect((await deliver(created)).status).toBe(503);
    expect(await balance(customer)).toMatchObject({ frozen: 0 });
    expect((await deliver(created)).status).toBe(200);
    expect(await balance(customer)).toMatchObject({ frozen: 100_000 });
  });
});

/** Paid at Stripe, and not settled here yet. */
async function unsettled() {
  const customer = await newCustomer();
  const paid = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  const { id: payment } = paid.succeeded.data.object as { id: string };
  return { ...paid, customer, payment };
}
