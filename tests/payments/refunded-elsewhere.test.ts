/** A refund made in Stripe's dashboard while we ask for one of the same payment: the request ends as Stripe's objects say. */
import { expect, test } from "vitest";
import { sendRefunds } from "../../lib/purchase/refund.ts";
import { useReversals } from "../support/reversing.ts";
import { appAt, booksBalance, deliver, useWorld } from "../support/world.ts";

const world = useWorld();
const { bought, refund, balance, purchase, news } = useReversals(world);
const later = (minutes: number) => appAt({ now: new Date(Date.now() + minutes * 60_000) });

async function requests(payment: string) {
  return await world.database.rows(
    "select state, amount_cents::int as cents from refund_requests where payment = $1",
    [payment],
  );
}

async function alerts(about: string) {
  return await world.database.rows<{ kind: string; message: string }>(
    "select kind, message from alerts where closed_at is null and message like $1",
    [`%${about}%`],
  );
}

function refundStaysAway(): void {
  world.stripe.faults.plan({ kind: "drop_before", method: "POST", path: "/v1/refunds", times: 3 });
}

test("all of it: refused, nobody alarmed, and the ducats are taken back for the dashboard's refund at once", async () => {
  const { purchaseId, customer, payment } = await bought();
  world.stripe.refund(payment);
  const answer = await refund({ purchaseId });
  expect([answer.status, answer.body.code]).toEqual([409, "refund_refused"]);
  expect(await requests(payment)).toEqual([{ state: "refused", cents: 1_000 }]);
  expect(await alerts(payment)).toEqual([]);
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 0, debt: 0 });
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000 });
  await news();
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000 });
  await booksBalance(world);
});

test("while ours had no answer: the same, when it is asked again", async () => {
  const { purchaseId, customer, payment } = await bought();
  refundStaysAway();
  expect((await refund({ purchaseId })).body.state).toBe("asked");
  world.stripe.refund(payment);
  expect(await sendRefunds(later(3), 10)).toMatchObject([{ kind: "refused", purchaseId }]);
  expect(await alerts(payment)).toEqual([]);
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 0, debt: 0 });
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000 });
});

test("a part of it: the alert says that, and what is left", async () => {
  const { purchaseId, customer, payment } = await bought();
  refundStaysAway();
  await refund({ purchaseId });
  world.stripe.refund(payment, { amount: 400 });
  await sendRefunds(later(3), 10);
  expect(await requests(payment)).toEqual([{ state: "refused", cents: 1_000 }]);
  expect(await alerts(payment)).toEqual([
    {
      kind: "refund_refused",
      message: expect.stringMatching(/4\.00 of it had gone back otherwise meanwhile\. .*6\.00 can still/),
    },
  ]);
  expect(await balance(customer)).toMatchObject({ wallet: 60_000, frozen: 0 });
  const rest = await refund({ purchaseId });
  expect([rest.status, rest.body.amountCents]).toEqual([201, 600]);
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000, frozen: 0 });
});

test("Stripe refuses and cannot be read then: still asked for, its ducats frozen, until it can be", async () => {
  const { purchaseId, customer, payment } = await bought();
  world.stripe.refund(payment);
  world.stripe.faults.plan({ kind: "drop_before", method: "GET", path: "/v1/disputes", times: 3 });
  const answer = await refund({ purchaseId });
  expect([answer.status, answer.body.state]).toEqual([201, "asked"]);
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 100_000 });
  world.stripe.faults.clear();
  expect(await sendRefunds(later(3), 10)).toMatchObject([{ kind: "refused" }]);
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000, frozen: 0 });
  expect(await alerts(payment)).toEqual([]);
});

test("five that send at once: one end, one count", async () => {
  const { purchaseId, payment } = await bought();
  refundStaysAway();
  await refund({ purchaseId });
  world.stripe.refund(payment);
  await Promise.all(Array.from({ length: 5 }, () => sendRefunds(later(3), 10)));
  expect(await requests(payment)).toEqual([{ state: "refused", cents: 1_000 }]);
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000, frozen: 0 });
  expect(await alerts(payment)).toEqual([]);
});

test("a second payment that was sent back in the dashboard, and we have not heard: nobody alarmed", async () => {
  const { purchaseId, sessionId, customer } = await bought();
  const mark = world.stripe.events.mark();
  world.stripe.payAgain(sessionId);
  const second = world.stripe.events.since(mark).find(({ type }) => type === "payment_intent.succeeded");
  const { id } = second?.data.object as { id: string };
  world.stripe.refund(id);
  const answer = await deliver(second ?? {});
  await answer.afterwards;
  expect(answer.body.outcome).toBe("second_payment");
  expect(await requests(id)).toEqual([{ state: "refused", cents: 1_000 }]);
  expect(await alerts(purchaseId)).toEqual([]);
  expect(await balance(customer)).toMatchObject({ wallet: 100_000 });
});
