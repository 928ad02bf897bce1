/** Means of payment beside cards, through the whole shop: a stablecoin pays at once, a bank takes days, and nothing moves before the money does. */
import { describe, expect, test } from "vitest";
import { runOnce } from "../../../lib/delivery/run.ts";
import { call } from "../../support/call.ts";
import {
  appAt,
  booksBalance,
  checkout,
  deliver,
  eventsOf,
  newCustomer,
  openPurchase,
  paidPurchase,
  statusOf,
  useWorld,
  type Customer,
  type StripeEvent,
} from "../../support/world.ts";

const world = useWorld();

const order = { pack: "starter", deliverTo: "venice" };

/** Rows that would move ducats of this purchase in Venice. */
function rowsInVenice(purchaseId: string) {
  const delivery = purchaseId.replace("pur_", "dlv_");
  return world.airtable.list("STRATAGEMS").filter(({ fields }) => JSON.stringify(fields).includes(delivery));
}

function event(purchaseId: string, type: string): StripeEvent {
  const found = eventsOf(world, purchaseId, type).at(-1);
  if (!found) throw new Error(`no ${type}`);
  return found;
}

async function settled(purchaseId: string): Promise<number> {
  const rows = await world.database.rows("select from transactions where business_key = $1", [
    `purchase:${purchaseId}`,
  ]);
  return rows.length;
}

/** Nothing is credited, promised or on its way, also after a run of the deliveries. */
async function expectNothingMoved(customer: Customer, purchaseId: string): Promise<void> {
  await runOnce(appAt({ now: new Date() }), 10);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0, transitMillis: 0, deliveries: [] });
  expect(rowsInVenice(purchaseId)).toEqual([]);
  expect(await settled(purchaseId)).toBe(0);
}

async function expectDelivered(customer: Customer, purchaseId: string): Promise<void> {
  expect(await settled(purchaseId)).toBe(1);
  const status = await statusOf(customer);
  expect(status).toMatchObject({ walletMillis: 0, transitMillis: 100_000 });
  expect(status.purchases[0]).toMatchObject({ id: purchaseId, status: "paid" });
  expect(status.deliveries).toHaveLength(1);
  await runOnce(appAt({ now: new Date() }), 10);
  expect(rowsInVenice(purchaseId)).toHaveLength(1);
  await booksBalance(world);
}

/** All that Stripe says of a purchase, in its order, or backwards. */
async function deliverAll(purchaseId: string, backwards = false): Promise<void> {
  const events = world.stripe.world.events
    .oldestFirst()
    .filter((each) => JSON.stringify(each.data.object).includes(purchaseId));
  for (const each of backwards ? events.toReversed() : events) {
    const answer = await deliver(each);
    expect([each.type, answer.status]).toEqual([each.type, 200]);
    await answer.afterwards;
  }
}

describe("a stablecoin", () => {
  test.each([false, true])(
    "pays at once, in dollars: credited once and delivered (events backwards: %s)",
    async (backwards) => {
      const customer = await newCustomer();
      const { purchaseId, sessionId } = await openPurchase(customer, order);
      await expectNothingMoved(customer, purchaseId);
      expect(world.stripe.pay(sessionId, { crypto: true }).outcome.kind).toBe("paid");
      await deliverAll(purchaseId, backwards);
      await deliverAll(purchaseId, !backwards);
      await expectDelivered(customer, purchaseId);
      expect((await checkout(customer, order, "another")).status).toBe(201);
    },
  );

  test("refunded, its ducats are taken back like any other's", async () => {
    const customer = await newCustomer();
    const { purchaseId, sessionId } = await openPurchase(customer, { ...order, deliverTo: "wallet" });
    world.stripe.pay(sessionId, { crypto: true });
    await deliverAll(purchaseId);
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
    const refund = world.stripe.refund(sessionId);
    expect(refund.status).toBe("pending");
    expect((await deliver(event(refund.id, "refund.created"))).status).toBe(200);
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 0, debtMillis: 0 });
    await booksBalance(world);
  });
});

describe("a bank debit", () => {
  async function debited(customer: Customer) {
    const opened = await openPurchase(customer, order);
    expect(world.stripe.pay(opened.sessionId, { bankDebit: true }).outcome.kind).toBe("processing");
    const completed = event(opened.purchaseId, "checkout.session.completed");
    expect(completed.data.object).toMatchObject({ status: "complete", payment_status: "unpaid" });
    return { ...opened, completed };
  }

  test("is processing: its page has ended, nothing is credited or delivered, however often it is said", async () => {
    const customer = await newCustomer();
    const { purchaseId, completed } = await debited(customer);
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, index) => deliver({ ...completed, id: `${completed.id}_${index}` })),
    );
    expect(answers.filter(({ body }) => body.outcome === "processing")).toHaveLength(1);
    expect((await statusOf(customer)).purchases[0]).toMatchObject({ status: "processing", paymentUrl: null });
    await expectNothingMoved(customer, purchaseId);
  });

  test.each([false, true])(
    "that succeeds days later is credited once and delivered (events backwards: %s)",
    async (backwards) => {
      const customer = await newCustomer();
      const { purchaseId, sessionId, completed } = await debited(customer);
      await deliver(completed);
      await expectNothingMoved(customer, purchaseId);
      world.stripe.settleDebit(sessionId, "succeeds");
      await deliverAll(purchaseId, backwards);
      await expectDelivered(customer, purchaseId);
      // The first word again, later than the last.
      expect((await deliver({ ...completed, id: `${completed.id}_late` })).body.outcome).toBe("unchanged");
      await expectDelivered(customer, purchaseId);
    },
  );

  test("of whose success the first word is the last: it is credited without the one before", async () => {
    const customer = await newCustomer();
    const { purchaseId, sessionId, completed } = await debited(customer);
    world.stripe.settleDebit(sessionId, "succeeds");
    const succeeded = event(purchaseId, "checkout.session.async_payment_succeeded");
    expect((await deliver(succeeded)).body.outcome).toBe("settled");
    expect((await deliver(completed)).body.outcome).toBe("unchanged");
    await expectDelivered(customer, purchaseId);
  });

  test.each([false, true])(
    "that fails credits nothing, and writes to the customer once (events backwards: %s)",
    async (backwards) => {
      const customer = await newCustomer();
      const { purchaseId, sessionId, completed } = await debited(customer);
      await deliver(completed);
      world.stripe.settleDebit(sessionId, "fails");
      await deliverAll(purchaseId, backwards);
      await deliverAll(purchaseId, !backwards);
      await expectNothingMoved(customer, purchaseId);
      const [failed] = (await statusOf(customer)).purchases;
      expect(failed).toMatchObject({ status: "failed", paidAt: null });
      expect(failed.lastDecline).toMatch(/bank/);
      const letters = await world.database.rows(
        "select from letters where kind = 'payment_failed' and account_id = $1",
        [customer.id],
      );
      expect(letters).toHaveLength(1);
    },
  );

  test("that failed is tried again by the same order and paid in a stablecoin: one credit", async () => {
    const customer = await newCustomer();
    const key = "debit-then-coin";
    const purchaseId: string = (await checkout(customer, order, key)).body.purchaseId;
    const sessionOf = () =>
      world.stripe.world.sessions.newestFirst().find(({ client_reference_id: id }) => id === purchaseId)
        ?.id ?? "";
    const first = sessionOf();
    world.stripe.pay(first, { bankDebit: true });
    await deliver(event(purchaseId, "checkout.session.completed"));
    expect((await checkout(customer, order, key)).body.code).toBe("payment_processing");
    world.stripe.settleDebit(first, "fails");
    await deliverAll(purchaseId);
    expect((await checkout(customer, order, key)).status).toBe(201);
    expect(sessionOf()).not.toBe(first);
    world.stripe.pay(sessionOf(), { crypto: true });
    await deliverAll(purchaseId);
    await expectDelivered(customer, purchaseId);
  });

  test("paid with a promotion code settles for what it charged", async () => {
    const customer = await newCustomer();
    const { usePromotions } = await import("../../support/promoting.ts");
    const { code } = await usePromotions(world).offer({ coupon: { percent_off: 25 } });
    const opened = await checkout(customer, { ...order, promotionCode: code }, "debit-with-code");
    const purchaseId: string = opened.body.purchaseId;
    const sessionId = world.stripe.world.sessions.newestFirst()[0]?.id ?? "";
    world.stripe.pay(sessionId, { bankDebit: true });
    await deliver(event(purchaseId, "checkout.session.completed"));
    await expectNothingMoved(customer, purchaseId);
    world.stripe.settleDebit(sessionId, "succeeds");
    await deliverAll(purchaseId);
    await expectDelivered(customer, purchaseId);
    expect((await statusOf(customer)).purchases[0].usdCents).toBe(750);
  });
});

describe("a bank transfer", () => {
  /** A transfer goes to an account of the customer's own at Stripe: he has to be known there. */
  async function known(): Promise<Customer> {
    const customer = await newCustomer();
    const { completed, purchaseId } = await paidPurchase(world, customer, { ...order, deliverTo: "wallet" });
    expect((await deliver(completed)).body.outcome).toBe("settled");
    const spent =
      "select post(now(), $2, 'usage', array[('wallet', $1, -100000)::leg, ('spent', null, 100000)::leg])";
    await world.database.rows(spent, [customer.id, `spend:${purchaseId}`]);
    return customer;
  }

  test.each([
    ["arrives", "paid"],
    ["never_arrives", "failed"],
  ] as const)("that %s is processing first, then %s", async (how, status) => {
    const customer = await known();
    const { purchaseId, sessionId } = await openPurchase(customer, order);
    expect(world.stripe.pay(sessionId, { bankTransfer: true }).outcome.kind).toBe("processing");
    await deliverAll(purchaseId);
    expect((await statusOf(customer)).purchases[0].status).toBe("processing");
    await expectNothingMoved(customer, purchaseId);
    world.stripe.settleTransfer(sessionId, how);
    await deliverAll(purchaseId);
    if (status === "paid") await expectDelivered(customer, purchaseId);
    else await expectNothingMoved(customer, purchaseId);
    expect((await statusOf(customer)).purchases[0].status).toBe(status);
  });
});

test("what a payment page offers is the shop's choice at Stripe: we name no means of payment", async () => {
  const customer = await newCustomer();
  const { sessionId } = await openPurchase(customer, order);
  const session = world.stripe.world.sessions.get(sessionId);
  expect(session?.allowed_payment_method_types).toBeNull();
  expect(session?.payment_method_types).toEqual(["card", "us_bank_account", "crypto"]);
  expect((await call("credit-status", { token: customer.token })).body.purchases[0].status).toBe("open");
});
