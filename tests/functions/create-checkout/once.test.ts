/** One order is one purchase with one payable session: clicked twice, answered badly, killed in between, come back to. */
import { afterEach, expect, test, vi } from "vitest";
import { HOUR_MS, MINUTE_MS } from "../../../lib/clock.ts";
import { call, type Called } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import {
  booksBalance,
  checkout,
  deliver,
  eventsOf,
  newCustomer,
  openPurchase,
  paidPurchase,
  signInAgain,
  statusOf,
  useWorld,
  type Customer,
} from "../../support/world.ts";

const world = useWorld();
const log = useLog();
const order = { pack: "starter", deliverTo: "wallet" };

afterEach(() => {
  vi.useRealTimers();
});

/** The stand-ins share the clock: a session's time runs out for Stripe and for us alike. */
function moveClock(byMs: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + byMs });
}

function purchasesOf(customer: Customer) {
  return world.database.rows(
    "select id, status, attempt from purchases where account_id = $1 order by opened_at",
    [customer.id],
  );
}

function sessionsOf(customer: Customer) {
  return world.stripe.world.sessions
    .oldestFirst()
    .filter(({ customer_email: email }) => email === customer.email);
}

/** The one purchase is open, and its one session is the one that was answered. */
async function expectOneOpen(customer: Customer, answer: Called): Promise<void> {
  expect(answer.status).toBe(201);
  expect(await purchasesOf(customer)).toEqual([{ id: answer.body.purchaseId, status: "open", attempt: 1 }]);
  const [session, ...others] = sessionsOf(customer);
  expect(others).toEqual([]);
  expect(session).toMatchObject({ status: "open", url: answer.body.url });
}

test("ten clicks at once make one purchase and one session", async () => {
  const customer = await newCustomer();
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => checkout(customer, order, "double-click")),
  );
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.purchaseId} ${body.url}`)).size).toBe(1);
  const [first] = answers;
  if (first) await expectOneOpen(customer, first);
});

test("clicks that come while Stripe still works on the first end in its session", async () => {
  const customer = await newCustomer();
  world.stripe.gate.shut();
  const answers = Promise.all(Array.from({ length: 3 }, () => checkout(customer, order, "slow-stripe")));
  await vi.waitFor(() => {
    expect(world.stripe.faults.seen.filter(({ status }) => status === 409).length).toBeGreaterThanOrEqual(2);
  });
  world.stripe.gate.open();
  const done = await answers;
  expect(done.map(({ status }) => status)).toEqual([201, 201, 201]);
  const [first] = done;
  if (first) await expectOneOpen(customer, first);
});

test("a retry of an open order gives the same page, and asks neither Venice nor Stripe again", async () => {
  const customer = await newCustomer();
  const first = await checkout(customer, { pack: "starter" }, "again");
  log.forget();
  const second = await checkout(customer, { pack: "starter" }, "again");
  expect(second.body).toEqual(first.body);
  expect(log.last().trips).toEqual({ redis: 1, postgres: 1 });
});

test("the same key with another order is refused, whatever differs", async () => {
  const customer = await newCustomer();
  await checkout(customer, order, "reused");
  const others = [
    { pack: "explorer", deliverTo: "wallet" },
    { pack: "starter", deliverTo: "venice" },
    { amountCents: 1_000, deliverTo: "wallet" },
  ];
  for (const other of others) {
    const answer = await checkout(customer, other, "reused");
    expect([answer.status, answer.body.code]).toEqual([409, "idempotency_key_reused"]);
  }
  expect(await purchasesOf(customer)).toHaveLength(1);
  expect(sessionsOf(customer)).toHaveLength(1);
});

test("a key is its account's own: the same key of another customer is another order", async () => {
  const [one, two] = [await newCustomer(), await newCustomer()];
  const answers = [
    await checkout(one, order, "shared"),
    await checkout(two, { pack: "noble", deliverTo: "wallet" }, "shared"),
  ];
  expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  expect(answers[0]?.body.purchaseId).not.toBe(answers[1]?.body.purchaseId);
});

test("two long keys that only begin alike are two orders", async () => {
  const customer = await newCustomer();
  const beginning = "k".repeat(250);
  const answers = [
    await checkout(customer, order, `${beginning}1`),
    await checkout(customer, order, `${beginning}2`),
  ];
  expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  expect(await purchasesOf(customer)).toHaveLength(2);
});

test.each([undefined, "", "   "])(
  "without an Idempotency-Key (%j) nothing is pinned and nobody asked",
  async (key) => {
    const customer = await newCustomer();
    world.stripe.faults.forget();
    const answer = await call("create-checkout", {
      json: order,
      token: customer.token,
      ...(key === undefined ? {} : { headers: { "idempotency-key": key } }),
    });
    expect([answer.status, answer.body.code]).toEqual([400, "idempotency_key_required"]);
    expect(await purchasesOf(customer)).toEqual([]);
    expect(world.stripe.faults.seen).toEqual([]);
  },
);

test.each(["status", "drop_before"] as const)(
  "Stripe away (%s) is 503; the retry makes exactly one session",
  async (kind) => {
    const customer = await newCustomer();
    world.stripe.faults.plan({ kind, path: "/v1/checkout/sessions", times: 3 });
    const refused = await checkout(customer, order, "stripe-away");
    expect([refused.status, refused.body.code]).toEqual([503, "payments_unavailable"]);
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(sessionsOf(customer)).toEqual([]);
    expect((await statusOf(customer)).purchases).toEqual([]);
    await expectOneOpen(customer, await checkout(customer, order, "stripe-away"));
  },
);

test("Stripe's answer lost after its work: the retry gives the session that was made", async () => {
  const customer = await newCustomer();
  world.stripe.faults.plan({ kind: "drop_after", path: "/v1/checkout/sessions", times: 3 });
  expect((await checkout(customer, order, "lost-answer")).body.code).toBe("payments_unavailable");
  const [made] = sessionsOf(customer);
  const retried = await checkout(customer, order, "lost-answer");
  await expectOneOpen(customer, retried);
  expect(retried.body.url).toBe(made?.url);
});

test("Stripe's answer lost once is found again by its idempotency key within the request", async () => {
  const customer = await newCustomer();
  world.stripe.faults.plan({ kind: "drop_after", path: "/v1/checkout/sessions" });
  await expectOneOpen(customer, await checkout(customer, order, "lost-once"));
});

test("a request that reaches Stripe twice makes one session", async () => {
  const customer = await newCustomer();
  world.stripe.faults.plan({ kind: "repeat", path: "/v1/checkout/sessions" });
  await expectOneOpen(customer, await checkout(customer, order, "repeated"));
});

test("Stripe too busy is 503 at once; the retry makes one session", async () => {
  const customer = await newCustomer();
  world.stripe.faults.plan({ kind: "status", status: 429, path: "/v1/checkout/sessions" });
  expect((await checkout(customer, order, "throttled")).body.code).toBe("payments_unavailable");
  await expectOneOpen(customer, await checkout(customer, order, "throttled"));
});

test.each([
  ["before the purchase is pinned", "drop_before", 0],
  ["after the purchase was pinned, before Stripe is asked", "drop_after", 0],
  ["after Stripe made the session, before it is stored", "drop_before", 1],
  ["after the session was stored, before the answer", "drop_after", 1],
] as const)("killed %s: 503, and the retry ends in one purchase and one session", async (_, kind, skip) => {
  const customer = await newCustomer();
  world.gateway.faults.plan({ kind, path: "/sql", skip });
  const killed = await checkout(customer, order, "killed");
  expect([killed.status, killed.body.code]).toEqual([503, "database_unavailable"]);
  const retries = await Promise.all(Array.from({ length: 5 }, () => checkout(customer, order, "killed")));
  expect(new Set(retries.map(({ body }) => `${body.purchaseId} ${body.url}`)).size).toBe(1);
  const [retried] = retries;
  if (retried) await expectOneOpen(customer, retried);
});

test("a session whose storing was lost can be paid: its payment settles the purchase, and the retry says so", async () => {
  const customer = await newCustomer();
  world.gateway.faults.plan({ kind: "drop_before", path: "/sql", skip: 1 });
  await checkout(customer, order, "paid-unattached");
  const [session] = sessionsOf(customer);
  world.stripe.pay(session?.id ?? "");
  const [completed] = eventsOf(world, session?.client_reference_id ?? "", "checkout.session.completed");
  if (!completed) throw new Error("no completion");
  expect((await deliver(completed)).body.outcome).toBe("settled");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  const retried = await checkout(customer, order, "paid-unattached");
  expect([retried.status, retried.body.code]).toEqual([409, "already_paid"]);
  expect(sessionsOf(customer)).toHaveLength(1);
  await booksBalance(world);
});

test("an order come back to after its page ran out opens a new attempt, and the old page cannot be paid any more", async () => {
  const customer = await newCustomer();
  const first = await checkout(customer, order, "late");
  const [old] = sessionsOf(customer);
  moveClock(HOUR_MS + MINUTE_MS);
  const second = await checkout(await signInAgain(customer), order, "late");
  expect(second.status).toBe(201);
  expect(second.body.purchaseId).toBe(first.body.purchaseId);
  expect(second.body.url).not.toBe(first.body.url);
  expect(await purchasesOf(customer)).toEqual([{ id: first.body.purchaseId, status: "open", attempt: 2 }]);
  expect(sessionsOf(customer).map(({ status }) => status)).toEqual(["expired", "open"]);
  expect(world.stripe.world.sessions.get(old?.id ?? "")?.status).toBe("expired");
  const attempts = await world.database.rows(
    "select attempt, session_url from purchase_attempts where purchase_id = $1 order by attempt",
    [first.body.purchaseId],
  );
  expect(attempts).toEqual([
    { attempt: 1, session_url: first.body.url },
    { attempt: 2, session_url: second.body.url },
  ]);
});

test("Stripe still has the old page open when we think it ran out: it is ended there before the new attempt begins", async () => {
  const customer = await newCustomer();
  const first = await checkout(customer, order, "clocks-differ");
  await world.database.rows(
    "update purchase_attempts set expires_at = now() - interval '1 second' where purchase_id = $1",
    [first.body.purchaseId],
  );
  const second = await checkout(customer, order, "clocks-differ");
  expect(second.status).toBe(201);
  expect(sessionsOf(customer).map(({ status }) => status)).toEqual(["expired", "open"]);
  const asked = world.stripe.faults.seen
    .map(({ method, path }) => `${method} ${path.replace(/cs_\w+/, "{id}")}`)
    .slice(-2);
  expect(asked).toEqual(["POST /v1/checkout/sessions/{id}/expire", "POST /v1/checkout/sessions"]);
});

test("after Stripe said that the page expired, the same key opens the next attempt; five at once open one", async () => {
  const customer = await newCustomer();
  const first = await checkout(customer, order, "expired");
  const [old] = sessionsOf(customer);
  world.stripe.expire(old?.id ?? "");
  const [expired] = eventsOf(world, first.body.purchaseId, "checkout.session.expired");
  if (!expired) throw new Error("no expiry");
  expect((await deliver(expired)).body.outcome).toBe("expired");
  const answers = await Promise.all(Array.from({ length: 5 }, () => checkout(customer, order, "expired")));
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.url}`)).size).toBe(1);
  expect(answers[0]?.status).toBe(201);
  expect(sessionsOf(customer).filter(({ status }) => status === "open")).toHaveLength(1);
  expect(await purchasesOf(customer)).toEqual([{ id: first.body.purchaseId, status: "open", attempt: 2 }]);
});

test("an attempt pinned long ago and never sent is left behind for a new one", async () => {
  const customer = await newCustomer();
  world.gateway.faults.plan({ kind: "drop_after", path: "/sql" });
  expect((await checkout(customer, order, "pinned-only")).status).toBe(503);
  moveClock(3 * HOUR_MS);
  const retried = await checkout(await signInAgain(customer), order, "pinned-only");
  expect(retried.status).toBe(201);
  expect(await purchasesOf(customer)).toEqual([{ id: retried.body.purchaseId, status: "open", attempt: 2 }]);
  expect(sessionsOf(customer)).toHaveLength(1);
  expect(Date.parse(retried.body.expiresAt)).toBeGreaterThan(Date.now());
});

test.each([
  ["while Stripe remembers its key", HOUR_MS + MINUTE_MS],
  ["when Stripe has forgotten its key", 25 * HOUR_MS],
])(
  "a session made and never stored is over at Stripe before its purchase gets another, %s",
  async (_, laterMs) => {
    const customer = await newCustomer();
    world.gateway.faults.plan({ kind: "drop_before", path: "/sql", skip: 1 });
    await checkout(customer, order, "unattached");
    moveClock(laterMs);
    const retried = await checkout(await signInAgain(customer), order, "unattached");
    expect(retried.status).toBe(201);
    expect(sessionsOf(customer).map(({ status }) => status)).toEqual(["expired", "open"]);
  },
);

test("paid at Stripe, its event still to come, its page over: 409, and no second session", async () => {
  const customer = await newCustomer();
  const first = await checkout(customer, order, "unsettled");
  const [session] = sessionsOf(customer);
  world.stripe.pay(session?.id ?? "");
  moveClock(2 * HOUR_MS);
  const answer = await checkout(await signInAgain(customer), order, "unsettled");
  expect([answer.status, answer.body.code]).toEqual([409, "payment_processing"]);
  expect(await purchasesOf(customer)).toEqual([{ id: first.body.purchaseId, status: "open", attempt: 1 }]);
  expect(sessionsOf(customer)).toHaveLength(1);
});

test("Stripe away while the old page is being ended: 503, no new session, and the retry goes on from there", async () => {
  const customer = await newCustomer();
  const first = await checkout(customer, order, "expire-away");
  await world.database.rows("update purchase_attempts set expires_at = now() where purchase_id = $1", [
    first.body.purchaseId,
  ]);
  world.stripe.faults.plan({ kind: "drop_after", path: "/expire", times: 3 });
  expect((await checkout(customer, order, "expire-away")).body.code).toBe("payments_unavailable");
  expect(sessionsOf(customer)).toHaveLength(1);
  const retried = await checkout(customer, order, "expire-away");
  expect(retried.status).toBe(201);
  expect(sessionsOf(customer).map(({ status }) => status)).toEqual(["expired", "open"]);
});

test("a settled purchase is already paid, for the same key for ever", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, order);
  await deliver(completed);
  const [{ idempotency_key: key } = { idempotency_key: "" }] = await world.database.rows<{
    idempotency_key: string;
  }>("select idempotency_key from purchases where account_id = $1", [customer.id]);
  const answer = await checkout(customer, order, key);
  expect([answer.status, answer.body.code]).toEqual([409, "already_paid"]);
});

test("a bank debit on its way opens no other page; when it fails, the same key opens a new attempt", async () => {
  const customer = await newCustomer();
  const opened = await checkout(customer, order, "debit");
  const [session] = sessionsOf(customer);
  world.stripe.pay(session?.id ?? "", { bankDebit: true });
  const [completed] = eventsOf(world, opened.body.purchaseId, "checkout.session.completed");
  if (!completed) throw new Error("no completion");
  await deliver(completed);
  expect((await checkout(customer, order, "debit")).body.code).toBe("payment_processing");
  world.stripe.settleDebit(session?.id ?? "", "fails");
  const [failed] = eventsOf(world, opened.body.purchaseId, "checkout.session.async_payment_failed");
  if (!failed) throw new Error("no failure");
  await deliver(failed);
  const again = await checkout(customer, order, "debit");
  expect(again.status).toBe(201);
  expect(again.body.url).not.toBe(opened.body.url);
  expect(await purchasesOf(customer)).toEqual([{ id: opened.body.purchaseId, status: "open", attempt: 2 }]);
});

test("different keys are different orders, each with its own page", async () => {
  const customer = await newCustomer();
  const [one, two] = [await openPurchase(customer, order), await openPurchase(customer, order)];
  expect(one.purchaseId).not.toBe(two.purchaseId);
  expect(one.sessionId).not.toBe(two.sessionId);
});
