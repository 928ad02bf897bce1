/** Six hours without a webhook: one run later every purchase is where it would have been, and none twice. */
import { expect, test } from "vitest";
import { deliver, eventsOf, useWorld } from "../support/world.ts";
import { HOUR, MINUTE, useShop, type Bought } from "./shop.ts";

const world = useWorld();
const shop = useShop(world);

/** One of each kind, over six hours; what must have become of it. */
async function sixHours() {
  const expected: [string, Bought, object][] = [];
  const expectEnd = (name: string, bought: Bought, end: object) => void expected.push([name, bought, end]);

  expectEnd("paid", await shop.paid(), { status: "paid", wallet: 100_000, credits: 1 });

  const declined = await shop.order();
  world.stripe.decline(declined.sessionId);
  world.stripe.pay(declined.sessionId);
  expectEnd("declined, then paid", declined, { status: "paid", wallet: 100_000, credits: 1 });

  const [slow, bounced, waiting] = [await shop.order(), await shop.order(), await shop.order()];
  for (const { sessionId } of [slow, bounced, waiting]) world.stripe.pay(sessionId, { bankDebit: true });
  const abandoned = await shop.order();
  const refunded = await shop.paid();
  const halved = await shop.paid();
  const [lost, won, disputed] = [await shop.paid(), await shop.paid(), await shop.paid()];

  shop.advance(2 * HOUR);
  world.stripe.settleDebit(slow.sessionId, "succeeds");
  world.stripe.settleDebit(bounced.sessionId, "fails");
  const late = await shop.paid();
  world.stripe.refund(refunded.sessionId);
  world.stripe.refund(halved.sessionId, { amount: 500 });
  const disputes = [lost, won, disputed].map(({ sessionId }) => world.stripe.openDispute(sessionId));

  shop.advance(2 * HOUR);
  world.stripe.decideDispute(disputes[0]?.id ?? "", "lost");
  world.stripe.decideDispute(disputes[1]?.id ?? "", "won");
  shop.advance(2 * HOUR);

  expectEnd("debit that came", slow, { status: "paid", wallet: 100_000, credits: 1 });
  expectEnd("debit that bounced", bounced, { status: "failed", wallet: 0, credits: 0 });
  expectEnd("debit under way", waiting, { status: "processing", wallet: 0, credits: 0 });
  expectEnd("left unpaid", abandoned, { status: "expired", wallet: 0, credits: 0 });
  expectEnd("refunded", refunded, { status: "paid", wallet: 0, frozen: 0, credits: 1 });
  expectEnd("half refunded", halved, { status: "paid", wallet: 50_000, frozen: 0, credits: 1 });
  expectEnd("lost to a dispute", lost, { status: "paid", wallet: 0, frozen: 0, debt: 0, credits: 1 });
  expectEnd("won", won, { status: "paid", wallet: 100_000, frozen: 0, credits: 1 });
  expectEnd("disputed", disputed, { status: "paid", wallet: 0, frozen: 100_000, credits: 1 });
  expectEnd("paid late", late, { status: "paid", wallet: 100_000, credits: 1 });
  return expected;
}

async function allRight(expected: [string, Bought, object][]): Promise<void> {
  for (const [name, bought, end] of expected) expect(await shop.end(bought), name).toMatchObject(end);
  await shop.agrees();
}

test("one run puts all of it right; the next finds nothing and writes nothing", async () => {
  const expected = await sixHours();
  const first = await shop.run();
  expect(first).toMatchObject({ failedEvents: 0, stopped: null });
  await allRight(expected);
  expect(await shop.ledger("fees")).toBeGreaterThan(0);

  const before = await shop.written();
  world.stripe.faults.forget();
  expect(await shop.run()).toEqual({
    ...{ events: 0, failedEvents: 0, sessions: 0, transactions: 0, postings: 0, refunds: 0 },
    stopped: null,
  });
  expect(await shop.written()).toEqual(before);
  expect(world.stripe.faults.seen.length).toBeLessThanOrEqual(4);

  // What the webhook brings at last is known already.
  for (const [, { purchaseId }] of expected)
    for (const event of eventsOf(world, purchaseId, "checkout.session.completed", "payment_intent.succeeded"))
      expect((await deliver(event)).body.outcome).toBe("duplicate");
  await allRight(expected);
}, 60_000);

test("five runs at once are one", async () => {
  shop.advance(HOUR);
  const expected = await sixHours();
  const reports = await Promise.all(Array.from({ length: 5 }, shop.run));
  // Two that run into each other may stop: the next run goes on.
  if (reports.some(({ stopped }) => stopped !== null)) {
    shop.advance(10 * MINUTE);
    await shop.run();
  }
  await allRight(expected);
  const doubles = await world.database.rows(
    "select business_key from transactions group by business_key having count(*) > 1",
  );
  expect(doubles).toEqual([]);
  shop.advance(10 * MINUTE);
  const before = await shop.written();
  await Promise.all(Array.from({ length: 5 }, shop.run));
  expect(await shop.written()).toEqual(before);
}, 60_000);

test("a second payment is set aside, sent back by the same run, and accounted for by the next", async () => {
  shop.advance(HOUR);
  const bought = await shop.paid();
  const [first] = world.stripe.world.paymentIntents.newestFirst();
  const again = world.stripe.payAgain(bought.sessionId);
  shop.advance(10 * MINUTE);
  expect(await shop.run()).toMatchObject({ refunds: 1, stopped: null });
  expect(await shop.end(bought)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
  const [refund] = world.stripe.world.refunds.newestFirst();
  expect(refund?.amount).toBe(1_000);
  // Of two payments that one run finds, whichever it stores first is the purchase's.
  expect([first?.id, again.session.payment_intent]).toContain(refund?.payment_intent);
  shop.advance(10 * MINUTE);
  await shop.run();
  await shop.agrees();
  expect(await shop.ledger("suspense")).toBe(0);
});

test("more than a page of events, all of one second", async () => {
  shop.advance(HOUR);
  const bought: Bought[] = [];
  for (let number = 0; number < 55; number += 1) bought.push(await shop.paid());
  const made = bought.flatMap(({ purchaseId }) =>
    eventsOf(world, purchaseId, "checkout.session.completed", "payment_intent.succeeded"),
  );
  expect(made.length).toBeGreaterThan(100);
  expect(new Set(made.map(({ created }) => created)).size).toBe(1);
  shop.advance(3 * MINUTE);
  expect(await shop.run()).toMatchObject({ events: made.length, stopped: null });
  for (const each of bought) expect(await shop.end(each)).toMatchObject({ status: "paid", credits: 1 });
  await shop.agrees();
}, 60_000);
