/** What is charged, what is given for it, and what Stripe is asked for. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import {
  checkout,
  deliver,
  eventsOf,
  newCustomer,
  openPurchase,
  paidPurchase,
  statusOf,
  useWorld,
} from "../../support/world.ts";

const world = useWorld();
const log = useLog();

test.each([
  ["starter", 1_000, 100_000, 0],
  ["explorer", 5_000, 500_000, 25_000],
  ["trader", 10_000, 1_000_000, 75_000],
  ["merchant", 25_000, 2_500_000, 250_000],
  ["noble", 50_000, 5_000_000, 750_000],
])(
  "%s costs %d cents and gives %d millis and a bonus of %d",
  async (pack, usdCents, baseMillis, bonusMillis) => {
    const customer = await newCustomer();
    const { purchaseId, sessionId } = await openPurchase(customer, { pack });
    const session = world.stripe.world.sessions.get(sessionId);
    expect(session).toMatchObject({ mode: "payment", amount_total: usdCents, currency: "usd" });
    const [item] = world.stripe.world.insides.get(sessionId)?.lineItems ?? [];
    expect(item).toMatchObject({ quantity: 1, amount_total: usdCents });
    expect(item?.price?.product).toBe(`cascade_ducats_${pack}`);
    const [purchase] = await world.database.rows("select * from purchases where id = $1", [purchaseId]);
    expect(purchase).toMatchObject({
      account_id: customer.id,
      citizen: customer.citizen,
      deliver_to: "venice",
      pack,
      amount_cents: String(usdCents),
      discount_cents: "0",
      currency: "usd",
      livemode: false,
      base_millis: String(baseMillis),
      bonus_millis: String(bonusMillis),
      micro_usd_per_ducat: "100000",
      status: "open",
      attempt: 1,
    });
    const [shown] = (await statusOf(customer)).purchases;
    expect(shown).toMatchObject({
      ...{ id: purchaseId, status: "open", pack, usdCents, baseMillis, bonusMillis },
      totalMillis: baseMillis + bonusMillis,
      paymentUrl: session?.url,
    });
  },
);

test.each([1_000, 1_999, 999_999, 1_000_000])(
  "a custom amount of %d cents gives cents × 100 millis, no bonus",
  async (amountCents) => {
    const customer = await newCustomer();
    const { purchaseId, sessionId } = await openPurchase(customer, { amountCents });
    expect(world.stripe.world.sessions.get(sessionId)?.amount_total).toBe(amountCents);
    const [item] = world.stripe.world.insides.get(sessionId)?.lineItems ?? [];
    expect(item?.price?.product).toBe("cascade_ducats_custom");
    const [purchase] = await world.database.rows("select * from purchases where id = $1", [purchaseId]);
    expect(purchase).toMatchObject({
      pack: null,
      amount_cents: String(amountCents),
      base_millis: String(amountCents * 100),
      bonus_millis: "0",
    });
  },
);

test.each([
  ["below the least", { amountCents: 999 }, "amountCents"],
  ["above the most", { amountCents: 1_000_001 }, "amountCents"],
  ["negative", { amountCents: -1_000 }, "amountCents"],
  ["nothing", { amountCents: 0 }, "amountCents"],
  ["a fraction of a cent", { amountCents: 1_999.5 }, "amountCents"],
  ["beyond what an integer holds", { amountCents: 1e21 }, "amountCents"],
  ["text", { amountCents: "5000" }, "amountCents"],
  ["a pack that is not sold", { pack: "doge" }, "pack"],
  ["a pack in capital letters", { pack: "Starter" }, "pack"],
  ["pack and amount together", { pack: "starter", amountCents: 5_000 }, "pack"],
  ["neither pack nor amount", {}, "pack"],
  ["a foreign place", { pack: "starter", deliverTo: "florence" }, "deliverTo"],
  ["a price of the client's own", { pack: "noble", usdCents: 1 }, "usdCents"],
  ["a citizen of the client's own", { pack: "noble", citizen: "BarnabottoLuca" }, "citizen"],
  ["an account of the client's own", { pack: "noble", accountId: "acc_1" }, "accountId"],
])("an order with %s is refused by its field and pinned nowhere", async (_, json, field) => {
  const customer = await newCustomer();
  const answer = await call("create-checkout", {
    json,
    token: customer.token,
    headers: { "idempotency-key": "refused" },
  });
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_field", field]);
  expect(
    await world.database.rows("select 1 from purchases where account_id = $1", [customer.id]),
  ).toHaveLength(0);
  expect(world.stripe.faults.seen).toHaveLength(0);
});

test("amounts that JSON cannot say are refused as they arrive", async () => {
  const customer = await newCustomer();
  for (const [body, code] of [
    ['{"amountCents":1e400}', "invalid_field"],
    ['{"amountCents":NaN}', "invalid_json"],
    ['{"amountCents":Infinity}', "invalid_json"],
  ] as const) {
    const answer = await call("create-checkout", {
      body,
      token: customer.token,
      headers: { "idempotency-key": "odd", "content-type": "application/json" },
    });
    expect(answer.body.code, body).toBe(code);
  }
  expect(
    await world.database.rows("select 1 from purchases where account_id = $1", [customer.id]),
  ).toHaveLength(0);
});

test("the session is asked for as it was pinned", async () => {
  const customer = await newCustomer();
  const opened = await checkout(customer, { pack: "trader" });
  const { purchaseId, url, expiresAt } = opened.body;
  const [session] = world.stripe.world.sessions.newestFirst();
  const metadata = { purchase: purchaseId };
  expect(session).toMatchObject({
    url,
    success_url: `http://cascade.test/purchase/?id=${purchaseId}`,
    cancel_url: `http://cascade.test/purchase/?id=${purchaseId}&left=1`,
    client_reference_id: purchaseId,
    customer_email: customer.email,
    customer_creation: "always",
    metadata,
    expires_at: Math.floor(Date.parse(expiresAt) / 1000),
  });
  const inside = world.stripe.world.insides.get(session?.id ?? "");
  expect(inside?.paymentIntentData).toMatchObject({ metadata, description: "1,075 ducats" });
  const [attempt] = await world.database.rows("select * from purchase_attempts where purchase_id = $1", [
    purchaseId,
  ]);
  expect(attempt).toMatchObject({
    attempt: 1,
    origin: "http://cascade.test",
    email: customer.email,
    stripe_customer: null,
    expires_at: new Date(expiresAt),
    session_id: session?.id,
    session_url: url,
  });
  expect(opened.body.debtMillis).toBe(0);
});

test("who has paid before is the same customer at Stripe", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  await deliver(completed);
  const { sessionId } = await openPurchase(customer, { pack: "starter", deliverTo: "wallet" });
  const [first] = eventsOf(world, "cus_", "customer.created").slice(-1);
  expect(world.stripe.world.sessions.get(sessionId)).toMatchObject({
    customer: (first?.data.object as { id: string }).id,
    customer_creation: null,
    customer_email: null,
  });
});

test("a checkout costs two round trips to Postgres, two to Redis, one each to Stripe and Venice", async () => {
  const customer = await newCustomer();
  await openPurchase(customer);
  for (const part of [world.gateway, world.stripe, world.airtable, world.upstash]) part.faults.forget();
  await openPurchase(customer);
  expect(log.last()).toMatchObject({
    function: "create-checkout",
    status: 201,
    account: customer.id,
    trips: { postgres: 2, stripe: 1, venice: 1, redis: 2 },
  });
  const seen = [world.gateway, world.stripe, world.airtable, world.upstash].map(
    ({ faults }) => faults.seen.length,
  );
  expect(seen).toEqual([2, 1, 1, 2]);
});

test("an order for the wallet does not ask Venice", async () => {
  const customer = await newCustomer();
  await openPurchase(customer, { pack: "starter", deliverTo: "wallet" });
  expect(log.last().trips).toEqual({ redis: 1, postgres: 2, stripe: 1 });
});
