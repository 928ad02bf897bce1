/** What became of the money of an invoice: the books have what Stripe has, in whatever order it is told. */
import { expect, test, vi } from "vitest";
import { balanceOf } from "../../../dev/stripe/objects/balance.ts";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useSubscribers } from "../../support/subscribing.ts";
import { booksBalance, openPurchase, useWorld } from "../../support/world.ts";
import { again, outcomesOf, useTold } from "./told.ts";

const world = useWorld();
useLog();
const subscribers = useSubscribers(world, "2026-03-10T09:00:00Z");
const { subscriber, subscribe, news, bring, standing } = subscribers;
const { latestInvoice, alertsOf, ledger } = useTold(world, subscribers);

/** Stripe's balance is read from the first order on. */
async function customerOfTheShop() {
  const marco = await subscriber();
  await openPurchase(marco);
  return marco;
}

/** Fees come with the balance: until then only they are missing. */
async function agreesWithStripe(): Promise<void> {
  vi.setSystemTime(Date.now() + 10 * MINUTE_MS);
  const answer = await call("reconcile-stripe", { json: {} });
  expect(answer.body).toMatchObject({ failedEvents: 0, stopped: null });
  const { available, pending } = balanceOf(world.stripe.world);
  expect(await ledger("stripe_clearing")).toBe(
    [...available, ...pending].reduce((sum, { amount }) => sum + amount, 0),
  );
  await booksBalance(world);
}

test("refunded and disputed: the books have what Stripe's balance has, the operator is told", async () => {
  const marco = await customerOfTheShop();
  const { id } = await subscribe(marco, "builder");
  await bring();
  await agreesWithStripe();
  const { payment } = await latestInvoice(id);
  world.stripe.refund(payment, { amount: 1_000 });
  const events = news();
  await bring(events);
  await bring(events.map(again));
  await agreesWithStripe();
  const dispute = world.stripe.openDispute(payment);
  await bring();
  await agreesWithStripe();
  expect(await ledger("refunds")).toBe(1_000);
  expect(await ledger("disputes")).toBe(8_900);
  const [alert] = (await alertsOf("subscription_payment_back")).filter(({ subject }) => subject === payment);
  expect(alert).toMatchObject({ open: true });
  expect(alert?.message).toContain("$10.00 were refunded");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  world.stripe.decideDispute(dispute.id, "won");
  await bring();
  await agreesWithStripe();
  expect(await ledger("disputes")).toBe(0);
});

test("refunded before its invoice is known: the same, once it is", async () => {
  // What the test before has read lies behind.
  vi.setSystemTime("2026-03-10T12:00:00Z");
  const marco = await customerOfTheShop();
  const refunds = await ledger("refunds");
  const { id } = await subscribe(marco, "builder");
  const paid = news();
  const { payment } = await latestInvoice(id);
  world.stripe.refund(payment);
  const back = news();
  expect(await outcomesOf(back)).toEqual(back.map(() => "ignored"));
  await bring(paid);
  expect((await ledger("refunds")) - refunds).toBe(9_900);
  expect((await alertsOf("subscription_payment_back")).map(({ subject }) => subject)).toContain(payment);
  await agreesWithStripe();
});

test.each(["first", "last"])(
  "the invoice's own payment, %s: it names no purchase, and nothing waits for one",
  async (when) => {
    const marco = await subscriber();
    await subscribe(marco, "builder");
    const events = news();
    const ofPayment = events.filter(
      ({ type }) => type.startsWith("payment_intent.") || type.startsWith("charge."),
    );
    const others = events.filter((event) => !ofPayment.includes(event));
    const succeeded = ofPayment.filter(({ type }) => type === "payment_intent.succeeded");
    expect(succeeded).toHaveLength(1);
    if (when === "first") expect(await outcomesOf(succeeded)).toEqual(["parked"]);
    await bring(others);
    if (when === "last") expect(await outcomesOf(succeeded)).toEqual(["ignored"]);
    await bring(ofPayment);
    const states = await world.database.rows("select state, outcome from stripe_events where id = $1", [
      succeeded[0]?.id,
    ]);
    expect(states).toEqual([{ state: "ignored", outcome: "ignored" }]);
    expect(await world.database.rows("select id from stripe_events where state = 'parked'")).toEqual([]);
    expect(await world.database.rows("select 1 from quarantines")).toEqual([]);
  },
);
