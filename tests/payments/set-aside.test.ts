/** A payment that was set aside and goes back, by a refund or by its bank: nothing is left open behind it. */
import { expect, test } from "vitest";
import { sendRefunds } from "../../lib/purchase/refund.ts";
import { useReversals } from "../support/reversing.ts";
import {
  appAt,
  booksBalance,
  deliver,
  eventsOf,
  newCustomer,
  paidPurchase,
  useWorld,
} from "../support/world.ts";

const world = useWorld();
const { bought, refund, balance, news, dollars } = useReversals(world);
const inAnHour = { now: new Date(Date.now() + 3_600_000) };

/** A payment whose event says another amount than was asked for. */
async function wrong() {
  await news();
  const customer = await newCustomer();
  const { purchaseId, completed, succeeded } = await paidPurchase(world, customer, {
    pack: "starter",
    deliverTo: "wallet",
  });
  const object = { ...completed.data.object, amount_total: 999 };
  await deliver({ ...completed, id: `${completed.id}_wrong`, data: { object } });
  const payment = String(succeeded.data.object["id" as never]);
  return { customer, purchaseId, payment };
}

async function standing(purchaseId: string, accountId: string) {
  const [row] = await world.database.rows(
    `select status, has_bought(now(), $2, false, null) as bought, takes_room(status, reserved_until, now() + interval '2 days') as room
     from purchases where id = $1`,
    [purchaseId, accountId],
  );
  return row;
}

const alertsOf = async (subject: string) =>
  (
    await world.database.rows<{ kind: string }>(
      "select kind from alerts where closed_at is null and (subject = $1 or message like '%' || $1 || '%') order by kind",
      [subject],
    )
  ).map(({ kind }) => kind);

const requestsFor = (payment: string) =>
  world.database.rows("select state, amount_cents::int from refund_requests where payment = $1", [payment]);

test("a wrong payment is sent back: its purchase is over, and counts for nothing any more", async () => {
  const { customer, purchaseId, payment } = await wrong();
  expect(await standing(purchaseId, customer.id)).toEqual({ status: "review", bought: true, room: true });
  expect((await refund({ payment })).status).toBe(201);
  expect(await standing(purchaseId, customer.id)).toEqual({ status: "expired", bought: false, room: false });
  expect(await alertsOf(payment)).toEqual([]);
  world.stripe.failRefund(world.stripe.world.refunds.newestFirst()[0]?.id ?? "");
  const events = world.stripe.world.events.newestFirst().slice(0, 3);
  for (const event of events) await deliver(event);
  expect(await standing(purchaseId, customer.id)).toMatchObject({ status: "review" });
  await booksBalance(world);
});

test("a refund of its purchase names the payment to send back", async () => {
  const { purchaseId, payment } = await wrong();
  const answer = await refund({ purchaseId });
  expect([answer.status, answer.body.code]).toEqual([409, "not_refundable"]);
  expect(answer.body.detail).toContain(payment);
});

test("another event says that the payment is right: it stays set aside", async () => {
  const { customer, purchaseId, payment } = await wrong();
  const [right] = eventsOf(world, purchaseId, "payment_intent.succeeded");
  expect((await deliver(right ?? {})).body.outcome).toBe("amount_mismatch");
  expect(await standing(purchaseId, customer.id)).toMatchObject({ status: "review" });
  expect((await balance(customer))["wallet"]).toBe(0);
  expect((await refund({ payment })).status).toBe(201);
  await booksBalance(world);
});

test("its bank takes it back: the same", async () => {
  const { customer, purchaseId, payment } = await wrong();
  const mark = world.stripe.events.mark();
  const dispute = world.stripe.openDispute(payment);
  world.stripe.decideDispute(dispute.id, "lost");
  for (const event of world.stripe.events.since(mark)) await deliver(event);
  expect(await standing(purchaseId, customer.id)).toMatchObject({ status: "expired" });
  expect(await alertsOf(payment)).toEqual([]);
});

/** A second payment of a purchase; its events are not delivered yet. */
async function second() {
  const { sessionId, purchaseId } = await bought();
  const mark = world.stripe.events.mark();
  world.stripe.payAgain(sessionId);
  const paid = world.stripe.events.since(mark).find(({ type }) => type === "payment_intent.succeeded");
  const payment = String(paid?.data.object["id" as never]);
  return { purchaseId, payment, mark };
}

test.each(["won", "lost"] as const)(
  "a second payment is disputed before we hear of it, and that is %s: nothing of it stays in suspense",
  async (decision) => {
    await news();
    const before = (await dollars()).get("suspense") ?? 0;
    const { payment, mark } = await second();
    const dispute = world.stripe.openDispute(payment);
    const events = world.stripe.events.since(mark);
    for (const event of events.toReversed()) await (await deliver(event)).afterwards;
    expect(await requestsFor(payment)).toEqual([]);
    expect(await alertsOf(payment)).toContain("payment_quarantined");
    const end = world.stripe.events.mark();
    world.stripe.decideDispute(dispute.id, decision);
    for (const event of world.stripe.events.since(end)) await (await deliver(event)).afterwards;
    if (decision === "won") {
      expect(await requestsFor(payment)).toEqual([{ state: "asked", amount_cents: 1_000 }]);
      expect(await sendRefunds(appAt(inAnHour), 10)).toMatchObject([{ kind: "made", payment }]);
    }
    expect(await requestsFor(payment)).toHaveLength(decision === "won" ? 1 : 0);
    expect(await alertsOf(payment)).toEqual([]);
    expect((await dollars()).get("suspense") ?? 0).toBe(before);
    await booksBalance(world);
  },
);

test("Stripe refuses to send it back and its bank takes it: told of the refusal, and then nobody has to look at it", async () => {
  await news();
  const { payment, mark } = await second();
  world.stripe.faults.plan({ kind: "status", status: 400, method: "POST", path: "/v1/refunds", times: 5 });
  for (const event of world.stripe.events.since(mark)) await (await deliver(event)).afterwards;
  world.stripe.faults.clear();
  expect(await alertsOf(payment)).toEqual(["payment_quarantined", "refund_refused"]);
  const end = world.stripe.events.mark();
  world.stripe.decideDispute(world.stripe.openDispute(payment).id, "lost");
  for (const event of world.stripe.events.since(end)) await deliver(event);
  expect(await alertsOf(payment)).toEqual([]);
});

test("Stripe refuses to send it back because it is disputed, and the dispute is won: sent back then", async () => {
  await news();
  const before = (await dollars()).get("suspense") ?? 0;
  const { payment, mark } = await second();
  const dispute = world.stripe.openDispute(payment);
  const [paid] = world.stripe.events.since(mark).filter(({ type }) => type === "payment_intent.succeeded");
  await (
    await deliver(paid ?? {})
  ).afterwards;
  expect(await alertsOf(payment)).toEqual(["payment_quarantined", "refund_refused"]);
  world.stripe.decideDispute(dispute.id, "won");
  for (const event of world.stripe.events.since(mark)) await (await deliver(event)).afterwards;
  await sendRefunds(appAt(inAnHour), 10);
  for (const event of world.stripe.events.since(mark)) await deliver(event);
  expect(
    world.stripe.world.refunds.oldestFirst().filter(({ payment_intent: of }) => of === payment),
  ).toHaveLength(1);
  expect((await dollars()).get("suspense") ?? 0).toBe(before);
  expect(await alertsOf(payment)).toEqual([]);
  await booksBalance(world);
});
