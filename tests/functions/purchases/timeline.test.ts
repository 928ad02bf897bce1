/** A purchase's history says all that happened to it, in order, and nothing that did not. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import {
  deliver,
  newCustomer,
  openPurchase,
  useWorld,
  type Customer,
  type StripeEvent,
} from "../../support/world.ts";

const world = useWorld();
const wallet = { pack: "starter", deliverTo: "wallet" };

/** Delivers what has come since a mark: the types that the webhook is subscribed to, in order. */
async function deliverSince(mark: number): Promise<void> {
  const acted =
    /^(checkout\.session|payment_intent\.(succeeded|payment_failed)|refund|charge\.(refunded|dispute))/;
  const events: StripeEvent[] = world.stripe.events.since(mark).filter(({ type }) => acted.test(type));
  for (const event of events) {
    const answer = await deliver(event);
    expect(answer.status, event.type).toBe(200);
    await answer.afterwards;
  }
}

async function read(customer: Customer, purchaseId: string) {
  const answer = await call("purchases", { token: customer.token, tail: `/${purchaseId}` });
  expect(answer.status).toBe(200);
  return answer.body;
}

const kinds = (timeline: { kind: string }[]) => timeline.map(({ kind }) => kind);

test("declined, paid, sent to Venice", async () => {
  const customer = await newCustomer();
  const mark = world.stripe.events.mark();
  const { purchaseId, sessionId } = await openPurchase(customer);
  world.stripe.decline(sessionId);
  world.stripe.pay(sessionId);
  await deliverSince(mark);
  const { purchase, delivery, timeline, paymentPages } = await read(customer, purchaseId);
  expect(kinds(timeline).slice(0, 4)).toEqual(["ordered", "declined", "paid", "credited"]);
  expect(timeline[1].reason).toMatch(/declined/);
  expect(timeline[3]).toMatchObject({ millis: 100_000, repaidMillis: 0 });
  expect(timeline.slice(4).map(({ status }: { status: string }) => status)).toEqual([
    "pending",
    "planned",
    "active",
  ]);
  expect(purchase.status).toBe("paid");
  expect(delivery).toMatchObject({ purchaseId, status: "active", millis: 100_000 });
  expect(paymentPages).toEqual([{ attempt: 1, expiresAt: expect.any(String) }]);
});

test("a bank debit that bounces", async () => {
  const customer = await newCustomer();
  const mark = world.stripe.events.mark();
  const { purchaseId, sessionId } = await openPurchase(customer, wallet);
  world.stripe.pay(sessionId, { bankDebit: true });
  world.stripe.settleDebit(sessionId, "fails");
  await deliverSince(mark);
  const { timeline } = await read(customer, purchaseId);
  expect(new Set(kinds(timeline))).toEqual(new Set(["ordered", "processing", "declined", "failed"]));
});

test("refunded in two parts: both, and what was taken back for them", async () => {
  const customer = await newCustomer();
  const mark = world.stripe.events.mark();
  const { purchaseId, sessionId } = await openPurchase(customer, wallet);
  world.stripe.pay(sessionId);
  world.stripe.refund(sessionId, { amount: 250 });
  world.stripe.refund(sessionId, { amount: 250 });
  await deliverSince(mark);
  const { purchase, timeline } = await read(customer, purchaseId);
  expect(timeline.filter(({ kind }: { kind: string }) => kind === "refund")).toEqual([
    expect.objectContaining({ usdCents: 250, status: "succeeded" }),
    expect.objectContaining({ usdCents: 250, status: "succeeded" }),
  ]);
  expect(purchase).toMatchObject({ burnedMillis: 50_000, frozenMillis: 0, atRiskMillis: 0 });
});

test("disputed, then won", async () => {
  const customer = await newCustomer();
  const mark = world.stripe.events.mark();
  const { purchaseId, sessionId } = await openPurchase(customer, wallet);
  world.stripe.pay(sessionId);
  const dispute = world.stripe.openDispute(sessionId);
  await deliverSince(mark);
  const disputed = await read(customer, purchaseId);
  expect(disputed.timeline.at(-1)).toMatchObject({
    ...{ kind: "dispute", id: dispute.id, status: "needs_response", usdCents: 1_000, reason: "fraudulent" },
  });
  expect(disputed.purchase).toMatchObject({ frozenMillis: 100_000, burnedMillis: 0 });
  const end = world.stripe.events.mark();
  world.stripe.decideDispute(dispute.id, "won");
  await deliverSince(end);
  const won = await read(customer, purchaseId);
  expect(won.timeline.slice(-2)).toMatchObject([
    { kind: "dispute", status: "needs_response" },
    { kind: "dispute", status: "won" },
  ]);
  expect(won.purchase).toMatchObject({ frozenMillis: 0, burnedMillis: 0 });
});

test("a refund that Stripe refused, one that failed, and a correction that was undone", async () => {
  const customer = await newCustomer();
  const mark = world.stripe.events.mark();
  const { purchaseId, sessionId } = await openPurchase(customer, wallet);
  world.stripe.pay(sessionId);
  await deliverSince(mark);
  await world.database.rows("update accounts set role = 'admin' where id = $1", [customer.id]);
  world.stripe.faults.plan({ kind: "status", status: 400, method: "POST", path: "/v1/refunds", times: 1 });
  const json = { purchaseId, reason: "asked for it" };
  const refused = await call("refunds", {
    json,
    token: customer.token,
    headers: { "idempotency-key": "one" },
  });
  expect(refused.body.code).toBe("refund_refused");
  const end = world.stripe.events.mark();
  const { id } = world.stripe.refund(sessionId, { amount: 250 });
  await deliverSince(end);
  const later = world.stripe.events.mark();
  world.stripe.failRefund(id);
  await deliverSince(later);
  for (const cents of [900, 1_000])
    await world.database.rows("select correct_payment(now(), p, $2) from purchases p where id = $1", [
      purchaseId,
      cents,
    ]);
  const { timeline } = await read(customer, purchaseId);
  expect(timeline).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: "refund_refused", usdCents: 1_000 }),
      expect.objectContaining({ kind: "refund", id, status: "succeeded" }),
      expect.objectContaining({ kind: "refund", id, status: "failed" }),
      expect.objectContaining({ kind: "corrected", why: "underpaid", usdCents: 100 }),
      expect.objectContaining({ kind: "correction_undone", why: "underpaid", usdCents: 100 }),
    ]),
  );
});

test("a second payment is set aside, and its refund belongs to the purchase", async () => {
  const customer = await newCustomer();
  const mark = world.stripe.events.mark();
  const { purchaseId, sessionId } = await openPurchase(customer, wallet);
  world.stripe.pay(sessionId);
  world.stripe.payAgain(sessionId);
  await deliverSince(mark);
  const before = kinds((await read(customer, purchaseId)).timeline);
  expect(before).toEqual(expect.arrayContaining(["paid", "credited", "set_aside"]));
  // Asked for, or made already: whoever was first to send it.
  expect(before.filter((kind) => kind === "refund_asked" || kind === "refund")).toHaveLength(1);
  await call("reconcile-stripe", { json: {} });
  await deliverSince(mark);
  const { timeline, purchase } = await read(customer, purchaseId);
  expect(kinds(timeline).filter((kind) => kind === "refund")).toHaveLength(1);
  expect(kinds(timeline)).not.toContain("refund_asked");
  expect(purchase).toMatchObject({ status: "paid", burnedMillis: 0 });
});

test("an order that ran out", async () => {
  const customer = await newCustomer();
  const mark = world.stripe.events.mark();
  const { purchaseId, sessionId } = await openPurchase(customer, wallet);
  world.stripe.expire(sessionId);
  await deliverSince(mark);
  expect(kinds((await read(customer, purchaseId)).timeline)).toEqual(["ordered", "expired"]);
});
