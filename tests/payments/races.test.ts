/** Two of ours at one payment in the same moment: neither misses what the other writes, and they never wait for each other crosswise. */
import { expect, test } from "vitest";
import { overlapping } from "../support/overlapping.ts";
import { useReversals } from "../support/reversing.ts";
import {
  booksBalance,
  deliver,
  newCustomer,
  paidPurchase,
  useWorld,
  type StripeEvent,
} from "../support/world.ts";

const world = useWorld();
const { bought, refund, balance, purchase } = useReversals(world);

/** Paid and refunded at Stripe; nothing of it has arrived here. */
async function unknown() {
  const customer = await newCustomer();
  const paid = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  const { id: payment, amount_received: amountCents } = paid.succeeded.data.object as {
    id: string;
    amount_received: number;
  };
  const mark = world.stripe.events.mark();
  const made = world.stripe.refund(payment);
  return {
    ...paid,
    customer,
    payment,
    amountCents,
    refunded: newest(mark, "refund.created"),
    refundId: made.id,
  };
}

function newest(mark: number, type: string): StripeEvent {
  const event = world.stripe.events
    .since(mark)
    .filter((each) => each.type === type)
    .at(-1);
  if (!event) throw new Error(`no ${type}`);
  return event;
}

test("a refund is read while its payment is settled: taken into account", async () => {
  const { payment, purchaseId, refundId, completed, customer } = await unknown();
  const read = {
    payment,
    purchaseId,
    ticket: "9000000000",
    refunds: [{ id: refundId, amountCents: 1_000, status: "succeeded", createdAt: new Date() }],
    disputes: [],
  };
  const answer = await overlapping(world, "select save_payment_read(now(), $1)", [JSON.stringify(read)], () =>
    deliver(completed),
  );
  expect(answer.body.outcome).toBe("settled");
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000 });
  expect(await balance(customer)).toMatchObject({ wallet: 0 });
  await booksBalance(world);
});

test("a payment is settled while its refund is read: taken into account", async () => {
  const { payment, purchaseId, sessionId, refunded, customer } = await unknown();
  const fact = {
    effect: "paid",
    purchaseId,
    sessionId,
    paymentIntent: payment,
    amountCents: 1_000,
    currency: "usd",
    customer: null,
  };
  const answer = await overlapping(
    world,
    "select apply_payment_fact(now(), 'evt_first', false, $1)",
    [JSON.stringify(fact)],
    () => deliver(refunded),
  );
  expect(answer.body.outcome).toBe("read");
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000 });
  expect(await balance(customer)).toMatchObject({ wallet: 0 });
  await booksBalance(world);
});

test("Stripe's event about our own refund comes while its answer is written down: both are, at once", async () => {
  const { purchaseId } = await bought();
  await world.database.rows(
    "create function linger() returns trigger language plpgsql as $$ begin perform pg_sleep(0.4); return null; end $$",
  );
  await world.database.rows(
    "create trigger linger after update of state on refund_requests for each row execute function linger()",
  );
  try {
    const mark = world.stripe.events.mark();
    const asked = refund({ purchaseId });
    while (!world.stripe.events.since(mark).some(({ type }) => type === "refund.created"))
      await new Promise((resolve) => setTimeout(resolve, 2));
    // The answer reaches the books at about the same time as the event.
    const told = await deliver(newest(mark, "refund.created"));
    const answer = await asked;
    expect([told.status, answer.status, answer.body.state]).toEqual([200, 201, "made"]);
    expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000, frozen: 0 });
  } finally {
    await world.database.rows("drop trigger linger on refund_requests");
    await world.database.rows("drop function linger");
  }
});

test("refunded before the payment is known: the payer is told of it, once", async () => {
  const { purchaseId, completed, refunded, refundId } = await unknown();
  const letters = () =>
    world.database.rows("select data ->> 'purchaseId' as purchase from letters where object = $1", [
      refundId,
    ]);
  await deliver(refunded);
  expect(await letters()).toEqual([]);
  await deliver(completed);
  expect(await letters()).toEqual([{ purchase: purchaseId }]);
  await deliver({ ...refunded, id: `${refunded.id}_again` });
  expect(await letters()).toHaveLength(1);
});

test("a second payment that was sent back by hand before we knew of it: not asked for again, nobody alarmed", async () => {
  const { purchaseId, sessionId } = await bought();
  const mark = world.stripe.events.mark();
  world.stripe.payAgain(sessionId);
  const second = newest(mark, "payment_intent.succeeded");
  const { id: payment } = second.data.object as { id: string };
  world.stripe.refund(payment);
  await deliver(newest(mark, "refund.created"));
  const answer = await deliver(second);
  await answer.afterwards;
  expect(answer.body.outcome).toBe("second_payment");
  expect(
    await world.database.rows("select state from refund_requests where payment = $1", [payment]),
  ).toEqual([]);
  expect(
    await world.database.rows("select kind from alerts where closed_at is null and message like $1", [
      `%${purchaseId}%`,
    ]),
  ).toEqual([]);
  const [suspense] = await world.database.rows<{ amount: string }>(
    "select coalesce(sum(amount), 0) as amount from trial_balance where ledger = 'suspense'",
  );
  expect(suspense).toEqual({ amount: "0" });
});

test("a refund fails because its payment is disputed: one read of both sets all of it aside", async () => {
  const { customer, payment, purchaseId } = await bought({ card: "4000000000007726" });
  const mark = world.stripe.events.mark();
  world.stripe.refund(payment, { amount: 400 });
  await deliver(newest(mark, "refund.created"));
  expect(await purchase(purchaseId)).toMatchObject({ frozen: 40_000 });
  world.stripe.openDispute(payment, { amount: 1_000 });
  await deliver(newest(mark, "charge.dispute.created"));
  expect(await purchase(purchaseId)).toEqual({ frozen: 100_000, burned: 0, risk: 0, owed: 0 });
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 100_000, debt: 0 });
});
