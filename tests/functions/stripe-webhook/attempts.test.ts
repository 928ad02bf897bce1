/** Events of earlier attempts, of other versions, of nobody's purchases: each changes what it is about, and nothing else. */
import { describe, expect, test } from "vitest";
import { useLog } from "../../support/log.ts";
import {
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
const log = useLog();
const order = { pack: "starter", deliverTo: "wallet" };

let copies = 0;

/** The event under another id, its object changed. */
function altered(event: StripeEvent, changes: object, type: string = event.type) {
  copies += 1;
  return {
    ...event,
    id: `${event.id}_${copies}`,
    type,
    data: { object: { ...event.data.object, ...changes } },
  };
}

const stored = async (event: { id: string }) =>
  (await world.database.rows("select state, outcome from stripe_events where id = $1", [event.id]))[0];
const openAlerts = (kind: string) =>
  world.database.rows("select subject from alerts where kind = $1 and closed_at is null", [kind]);

async function purchaseOf(customer: Customer) {
  const [purchase] = await world.database.rows<{ status: string; attempt: number }>(
    "select status, attempt from purchases where account_id = $1",
    [customer.id],
  );
  return purchase;
}

function sessionsOf(customer: Customer) {
  return world.stripe.world.sessions
    .oldestFirst()
    .filter(({ customer_email: email }) => email === customer.email);
}

/** The event of a session that has run out at Stripe. */
function expiryOf(purchaseId: string): StripeEvent {
  const [expired] = eventsOf(world, purchaseId, "checkout.session.expired");
  if (!expired) throw new Error("no expiry");
  return expired;
}

/** A purchase in its second attempt, and the event that ended the first one's session. */
async function secondAttempt(customer: Customer) {
  const first = await checkout(customer, order, "again");
  world.stripe.expire(sessionsOf(customer)[0]?.id ?? "");
  const expired = expiryOf(first.body.purchaseId);
  await deliver(expired);
  const second = await checkout(customer, order, "again");
  expect(second.status).toBe(201);
  return { expired, url: second.body.url as string, sessionId: sessionsOf(customer)[1]?.id ?? "" };
}

describe("the session of an earlier attempt", () => {
  const lateWords = [
    ["processing", "checkout.session.completed", { status: "complete", payment_status: "unpaid" }],
    ["failed", "checkout.session.async_payment_failed", { status: "complete", payment_status: "unpaid" }],
    ["expired", "checkout.session.expired", {}],
  ] as const;

  test.each(lateWords)("late, %s: the current attempt stays open and is paid", async (_, type, changes) => {
    const customer = await newCustomer();
    const { expired, url, sessionId } = await secondAttempt(customer);
    expect((await deliver(altered(expired, changes, type))).body.outcome).toBe("unchanged");
    const [open] = (await statusOf(customer)).purchases;
    expect(open).toMatchObject({ status: "open", paymentUrl: url, lastDecline: null });
    expect((await checkout(customer, order, "again")).body.url).toBe(url);
    world.stripe.pay(sessionId);
    const completed = eventsOf(world, open.id, "checkout.session.completed").at(-1);
    if (!completed) throw new Error("no completion");
    expect((await deliver(completed)).body.outcome).toBe("settled");
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  });

  test.each(lateWords)(
    "%s, while the current attempt's bank debit is on its way: that stays processing",
    async (_, type, changes) => {
      const customer = await newCustomer();
      const { expired, sessionId } = await secondAttempt(customer);
      world.stripe.pay(sessionId, { bankDebit: true });
      const purchaseId = (await statusOf(customer)).purchases[0].id;
      const completed = eventsOf(world, purchaseId, "checkout.session.completed").at(-1);
      if (!completed) throw new Error("no completion");
      expect((await deliver(completed)).body.outcome).toBe("processing");
      expect((await deliver(altered(expired, changes, type))).body.outcome).toBe("unchanged");
      expect(await purchaseOf(customer)).toEqual({ status: "processing", attempt: 2 });
    },
  );

  test.each(lateWords)(
    "%s, after the next attempt was begun and before its session is stored: the next attempt goes on",
    async (_, type, changes) => {
      const customer = await newCustomer();
      const first = await checkout(customer, order, "between");
      await world.database.rows("update purchase_attempts set expires_at = now() where purchase_id = $1", [
        first.body.purchaseId,
      ]);
      // The third statement would store the second attempt's session.
      world.gateway.faults.plan({ kind: "drop_before", path: "/sql", skip: 2 });
      expect((await checkout(customer, order, "between")).status).toBe(503);
      expect(await purchaseOf(customer)).toEqual({ status: "draft", attempt: 2 });
      const expired = expiryOf(first.body.purchaseId);
      expect((await deliver(altered(expired, changes, type))).body.outcome).toBe("unchanged");
      expect(await purchaseOf(customer)).toEqual({ status: "draft", attempt: 2 });
      const second = await checkout(customer, order, "between");
      expect([second.status, second.body.purchaseId]).toEqual([201, first.body.purchaseId]);
      expect(sessionsOf(customer).map(({ status }) => status)).toEqual(["expired", "open"]);
      expect(await purchaseOf(customer)).toEqual({ status: "open", attempt: 2 });
    },
  );

  test("paid after all, it still wins", async () => {
    const customer = await newCustomer();
    const { expired } = await secondAttempt(customer);
    const paid = { status: "complete", payment_status: "paid", payment_intent: "pi_of_the_first" };
    const event = altered(expired, paid, "checkout.session.completed");
    expect((await deliver(event)).body.outcome).toBe("settled");
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
    await booksBalance(world);
  });
});

test("Stripe faster than our storing: the current attempt's own session, still unknown, is processing", async () => {
  const customer = await newCustomer();
  world.gateway.faults.plan({ kind: "drop_before", path: "/sql", skip: 1 });
  expect((await checkout(customer, order, "fast")).status).toBe(503);
  const [session] = sessionsOf(customer);
  world.stripe.pay(session?.id ?? "", { bankDebit: true });
  const [completed] = eventsOf(world, session?.id ?? "", "checkout.session.completed");
  if (!completed) throw new Error("no completion");
  expect((await deliver(completed)).body.outcome).toBe("processing");
  expect(await purchaseOf(customer)).toEqual({ status: "processing", attempt: 1 });
});

describe("an event of another API version", () => {
  test("is stored and alerted, and Stripe is told to come back; sent again in ours, it settles", async () => {
    const customer = await newCustomer();
    const { completed } = await paidPurchase(world, customer, order);
    const version = "2020-08-27";
    for (let round = 0; round < 2; round += 1) {
      const refused = await deliver({ ...completed, api_version: version });
      expect([refused.status, refused.body.code]).toEqual([500, "event_not_applied"]);
      expect(await stored(completed)).toEqual({ state: "other_version", outcome: "other_version" });
      expect(await openAlerts("stripe_api_version")).toEqual([{ subject: version }]);
    }
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
    expect((await deliver(completed)).body.outcome).toBe("settled");
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
    expect(await stored(completed)).toEqual({ state: "applied", outcome: "settled" });
    const [event] = await world.database.rows("select api_version from stripe_events where id = $1", [
      completed.id,
    ]);
    expect(event).toEqual({ api_version: completed.api_version });
    expect((await deliver({ ...completed, api_version: version })).body.outcome).toBe("duplicate");
    await booksBalance(world);
  });

  test("of a type that we don't act on is ignored, in any version", async () => {
    const customer = await newCustomer();
    const { completed } = await paidPurchase(world, customer, order);
    const event = { ...altered(completed, {}, "customer.created"), api_version: "2019-05-16" };
    expect((await deliver(event)).body.outcome).toBe("ignored");
    expect(await openAlerts("stripe_api_version")).not.toContainEqual({ subject: "2019-05-16" });
  });
});

test("a reference of the client's own finds no purchase: without metadata, a session that isn't ours is parked", async () => {
  const customer = await newCustomer();
  const { purchaseId, completed } = await paidPurchase(world, customer, order);
  const foreign = altered(completed, {
    id: "cs_test_payment_link",
    payment_intent: "pi_payment_link",
    client_reference_id: purchaseId,
    metadata: {},
  });
  expect((await deliver(foreign)).body.outcome).toBe("parked");
  expect((await statusOf(customer)).purchases[0].status).toBe("open");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
  expect((await deliver(completed)).body.outcome).toBe("settled");
  expect(await stored(foreign)).toEqual({ state: "parked", outcome: "parked" });
  expect(await openAlerts("payment_quarantined")).toEqual([]);
});

test.each([
  ["NUL", "Alvise\u0000Querini"],
  ["half a surrogate pair", "Alvise \ud83d"],
  ["the other half", "\udc00 Querini"],
])("a customer's name with %s settles", async (_, name) => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, order);
  const event = altered(completed, { customer_details: { email: customer.email, name } });
  expect((await deliver(event)).body.outcome).toBe("settled");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  const [kept] = await world.database.rows<{ name: string }>(
    "select payload #>> '{data,object,customer_details,name}' as name from stripe_events where id = $1",
    [event.id],
  );
  expect(kept?.name).toMatch(/Alvise|Querini/);
});

test("a bank's words with NUL are shown without it", async () => {
  const customer = await newCustomer();
  const { purchaseId, sessionId } = await openPurchase(customer, order);
  world.stripe.decline(sessionId);
  const [declined] = eventsOf(world, purchaseId, "payment_intent.payment_failed");
  if (!declined) throw new Error("no decline");
  const event = altered(declined, { last_payment_error: { message: "Declined\u0000 \ud83d by the bank" } });
  expect((await deliver(event)).body.outcome).toBe("declined");
  expect((await statusOf(customer)).purchases[0].lastDecline).toMatch(/^Declined.*by the bank$/);
});

describe("who pays at Stripe", () => {
  const sessionFor = async (customer: Customer) =>
    world.stripe.world.sessions.get((await openPurchase(customer, order)).sessionId);

  test("a customer made in the other mode is not used: the address is asked with", async () => {
    const customer = await newCustomer();
    await world.database.rows(
      "update accounts set stripe_customer = 'cus_of_live', stripe_customer_live = true where id = $1",
      [customer.id],
    );
    expect(await sessionFor(customer)).toMatchObject({ customer: null, customer_email: customer.email });
  });

  test("nor by a further attempt; and the customer that pays takes the other's place", async () => {
    const customer = await newCustomer();
    await world.database.rows(
      "update accounts set stripe_customer = 'cus_of_live', stripe_customer_live = true where id = $1",
      [customer.id],
    );
    const { sessionId } = await secondAttempt(customer);
    expect(world.stripe.world.sessions.get(sessionId)).toMatchObject({
      customer: null,
      customer_email: customer.email,
    });
    world.stripe.pay(sessionId);
    const purchaseId = (await statusOf(customer)).purchases[0].id;
    const completed = eventsOf(world, purchaseId, "checkout.session.completed").at(-1);
    if (!completed) throw new Error("no completion");
    await deliver(completed);
    const [account] = await world.database.rows<{ stripe_customer: string }>(
      "select stripe_customer, stripe_customer_live from accounts where id = $1",
      [customer.id],
    );
    expect(account).toEqual({
      stripe_customer: expect.stringMatching(/^cus_(?!of_live)/),
      stripe_customer_live: false,
    });
    expect(await sessionFor(customer)).toMatchObject({
      customer: account?.stripe_customer,
      customer_email: null,
    });
  });
});

test("among 5,000 parked events of others a payment is settled in one statement, and brings along its own only", async () => {
  const customer = await newCustomer();
  const { completed, succeeded } = await paidPurchase(world, customer, order);
  const own = altered(succeeded, { metadata: {} });
  expect((await deliver(own)).body.outcome).toBe("parked");
  await world.database.rows(
    `insert into stripe_events (id, type, api_version, livemode, created, payload, fact, state, outcome, received_at)
     select 'evt_others_' || n, 'payment_intent.succeeded', $1, false, now(), '{}', jsonb_build_object(
       'effect', 'paid', 'purchaseId', null, 'sessionId', 'cs_others_' || n, 'paymentIntent', 'pi_others_' || n,
       'amountCents', 1000, 'currency', 'usd', 'customer', null), 'parked', 'parked', now()
     from generate_series(1, 5000) n`,
    [completed.api_version],
  );
  const ofOthers = "select 1 from stripe_events where id like 'evt_others_%' and state = 'parked'";
  expect((await deliver(completed)).body.outcome).toBe("settled");
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect(await stored(own)).toEqual({ state: "applied", outcome: "already_settled" });
  expect(await world.database.rows(ofOthers)).toHaveLength(5_000);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  await booksBalance(world);
});
