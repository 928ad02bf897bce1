/** A random history of purchases whose money comes and goes: what must hold after each step, and what it must end in. */
import { expect } from "vitest";
import { idOf } from "../../dev/stripe/reference.ts";
import { sendRefunds } from "../../lib/purchase/refund.ts";
import { call } from "./call.ts";
import { shuffled } from "./arrival-orders.ts";
import { chanceOf, type Chance } from "./random.ts";
import { setRate } from "./rating.ts";
import { oneDucat } from "./spending.ts";
import {
  appAt,
  booksBalance,
  deliver,
  newCustomer,
  openPurchase,
  type Customer,
  type StripeEvent,
  type World,
} from "./world.ts";

/** A card whose refunds are pending until somebody says how they end. */
const pendingCard = "4000000000007726";

type Buyer = { readonly customer: Customer; hasUsed: boolean };

type History = {
  readonly world: World;
  readonly chance: Chance;
  readonly admin: Customer;
  readonly buyers: readonly Buyer[];
  readonly payments: string[];
  readonly sessions: string[];
  readonly purchases: string[];
  /** Everything that Stripe has announced. */
  readonly events: StripeEvent[];
  waiting: StripeEvent[];
  mark: number;
  keys: number;
  /** What was done, for a person who looks at a failure. */
  readonly told: string[];
};

type Step = {
  readonly name: string;
  readonly weight: number;
  run(history: History): unknown;
};

const steps: readonly Step[] = [
  { name: "buy", weight: 4, run: buy },
  { name: "pay twice", weight: 0.5, run: payTwice },
  { name: "refund in the dashboard", weight: 3, run: refundInDashboard },
  { name: "refund by an admin", weight: 3, run: refundByAdmin },
  { name: "a refund ends", weight: 3, run: endRefund },
  { name: "a dispute opens", weight: 2, run: openDispute },
  { name: "a dispute goes on", weight: 3, run: goOnWithDispute },
  { name: "spend", weight: 2, run: spend },
  { name: "withdraw", weight: 1, run: withdraw },
  { name: "events", weight: 8, run: deliverSome },
  { name: "our requests go out", weight: 1, run: () => sendRefunds(later(60), 10) },
];

/** Two buyers, of whom one alone uses what he buys. @throws Error with the seed and the steps when something does not hold. */
export async function liveThrough(world: World, seed: number, length: number): Promise<void> {
  const history = await begin(world, seed);
  const total = steps.reduce((sum, { weight }) => sum + weight, 0);
  try {
    for (let count = 0; count < length; count += 1) {
      let at = history.chance.next() * total;
      const step = steps.find(({ weight }) => (at -= weight) < 0) ?? steps[0];
      history.told.push(step?.name ?? "");
      await step?.run(history);
      collect(history);
      await mustHold(history);
    }
    history.told.push("the end");
    await bringToAnEnd(history);
    await mustHold(history);
    await mustAgreeWithStripe(history);
  } catch (error) {
    throw new Error(`seed ${seed}: ${history.told.join(", ")}`, { cause: error });
  }
}

async function begin(world: World, seed: number): Promise<History> {
  await world.upstash.clear();
  const admin = await newCustomer();
  await world.database.rows("update accounts set role = 'admin' where id = $1", [admin.id]);
  const buyers = [await newCustomer(), await newCustomer()].map((customer) => ({ customer, hasUsed: false }));
  const chance = chanceOf(seed);
  // Not a round one: what a cent stands for is no whole number of millis.
  await setRate(world, chance.between(50_001, 499_999));
  const mark = world.stripe.events.mark();
  const none = { payments: [], sessions: [], purchases: [], events: [], waiting: [], told: [] };
  return { world, chance, admin, buyers, ...none, mark, keys: seed * 1_000 };
}

function later(minutes: number) {
  return appAt({ now: new Date(Date.now() + minutes * 60_000) });
}

/** What Stripe refuses changes nothing. */
function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

function collect(history: History): void {
  const { events } = history.world.stripe;
  const fresh = events.since(history.mark);
  history.mark += fresh.length;
  history.events.push(...fresh);
  history.waiting.push(...fresh);
}

async function buy(history: History): Promise<void> {
  const { chance, world } = history;
  const { customer } = chance.pick(history.buyers);
  const what = chance.pick([
    { pack: "starter" },
    { pack: "explorer" },
    { amountCents: chance.between(1_000, 9_999) },
  ]);
  const deliverTo = chance.isLucky(0.3) ? "venice" : "wallet";
  const { purchaseId, sessionId } = await openPurchase(customer, { ...what, deliverTo });
  const { outcome } = world.stripe.pay(sessionId, chance.isLucky(0.3) ? { card: pendingCard } : {});
  if (outcome.kind !== "paid" || !outcome.paymentIntent) throw new Error(`the payment is ${outcome.kind}`);
  history.payments.push(outcome.paymentIntent.id);
  history.sessions.push(sessionId);
  history.purchases.push(purchaseId);
}

function payTwice({ chance, world, sessions, payments }: History): void {
  if (sessions.length === 0) return;
  const { outcome } = world.stripe.payAgain(chance.pick(sessions));
  if (outcome.kind === "paid" && outcome.paymentIntent) payments.push(outcome.paymentIntent.id);
}

function refundInDashboard({ chance, world, payments }: History): void {
  if (payments.length === 0) return;
  const how = chance.isLucky(0.3) ? {} : { amount: chance.between(1, 1_000) };
  attempt(() => world.stripe.refund(chance.pick(payments), how));
}

async function refundByAdmin(history: History): Promise<void> {
  const { chance, world, purchases } = history;
  if (purchases.length === 0) return;
  history.keys += 1;
  if (chance.isLucky(0.2))
    world.stripe.faults.plan({
      kind: chance.pick(["drop_before", "drop_after"]),
      method: "POST",
      path: "/v1/refunds",
      times: 3,
    });
  const answer = await call("refunds", {
    json: {
      purchaseId: chance.pick(purchases),
      reason: "asked for it",
      ...(chance.isLucky(0.3) ? {} : { amountCents: chance.between(1, 1_000) }),
    },
    token: history.admin.token,
    headers: { "idempotency-key": `refund-${history.keys}` },
  });
  world.stripe.faults.clear();
  expect([201, 409]).toContain(answer.status);
}

function endRefund({ chance, world, payments }: History): void {
  const open = world.stripe.world.refunds
    .oldestFirst()
    .filter(({ payment_intent: payment, status }) => payments.includes(idOf(payment)) && status !== "failed");
  if (open.length === 0) return;
  const { id, status } = chance.pick(open);
  attempt(() => {
    if (status === "pending" && chance.isLucky(0.5)) return world.stripe.succeedRefund(id);
    return chance.isLucky(0.2) ? world.stripe.cancelRefund(id) : world.stripe.failRefund(id);
  });
}

function openDispute({ chance, world, payments }: History): void {
  if (payments.length === 0) return;
  const status = chance.pick(["needs_response", "needs_response", "warning_needs_response"] as const);
  const how = chance.isLucky(0.4) ? { amount: chance.between(1, 1_000) } : {};
  attempt(() => world.stripe.openDispute(chance.pick(payments), { status, ...how }));
}

function goOnWithDispute({ chance, world, payments }: History): void {
  const all = world.stripe.world.disputes
    .oldestFirst()
    .filter(({ payment_intent: payment }) => payments.includes(idOf(payment)));
  if (all.length === 0) return;
  const { id } = chance.pick(all);
  attempt(() =>
    chance.isLucky(0.2)
      ? world.stripe.escalateDispute(id)
      : world.stripe.decideDispute(id, chance.pick(["won", "lost", "warning_closed", "prevented"] as const)),
  );
}

function user({ buyers: [first] }: History): Buyer {
  if (!first) throw new Error("there is no buyer");
  return first;
}

async function spend(history: History): Promise<void> {
  const buyer = user(history);
  history.keys += 1;
  const events = Array.from({ length: history.chance.between(1, 40) }, (_, index) =>
    oneDucat(`event-${history.keys}-${index}`),
  );
  const answer = await call("usage", { json: { events }, token: buyer.customer.token });
  expect(answer.status).toBeLessThan(500);
  buyer.hasUsed = true;
}

async function withdraw(history: History): Promise<void> {
  const buyer = user(history);
  history.keys += 1;
  const answer = await call("withdraw", {
    json: { ducats: history.chance.between(1, 100) },
    token: buyer.customer.token,
    headers: { "idempotency-key": `out-${history.keys}` },
  });
  expect(answer.status).toBeLessThan(500);
  buyer.hasUsed = true;
}

/** Some of what waits, in any order, some twice, some at once; with Stripe away some come back later. */
async function deliverSome(history: History): Promise<void> {
  const { chance, world } = history;
  const due = shuffled(chance, history.waiting).slice(0, chance.between(1, 8));
  if (chance.isLucky(0.15))
    world.stripe.faults.plan({ kind: "drop_before", method: "GET", path: "/v1/refunds", times: 3 });
  const sent = due.flatMap((event) =>
    chance.isLucky(0.2) ? [event, { ...event, id: `${event.id}_${history.keys++}` }] : [event],
  );
  const width = chance.pick([1, 1, 4]);
  const refused = new Set<string>();
  for (let start = 0; start < sent.length; start += width) {
    const answers = await Promise.all(
      sent.slice(start, start + width).map(async (event) => ({ event, answer: await deliver(event) })),
    );
    for (const { event, answer } of answers) {
      await answer.afterwards;
      expect([200, 503]).toContain(answer.status);
      if (answer.status === 503) refused.add(event.id);
    }
  }
  world.stripe.faults.clear();
  history.waiting = history.waiting.filter((event) => !due.includes(event) || refused.has(event.id));
}

/** Everything that was announced is delivered once more, until our own requests bring nothing new. */
async function bringToAnEnd(history: History): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    await sendRefunds(later(24 * 60 * (round + 1)), 100);
    collect(history);
    if (round > 0 && history.waiting.length === 0) break;
    for (const event of shuffled(history.chance, round === 0 ? history.events : history.waiting)) {
      const answer = await deliver({ ...event, id: `${event.id}_end_${round}` });
      expect([event.type, answer.status]).toEqual([event.type, 200]);
      await answer.afterwards;
    }
    history.waiting = [];
    collect(history);
  }
  expect(history.waiting).toEqual([]);
}

async function mustHold({ world, buyers }: History): Promise<void> {
  await booksBalance(world);
  const wrong = await world.database.rows(
    `select b.account_id, b.frozen, sum(p.frozen_millis) as of_purchases from balances b join purchases p using (account_id)
     where b.account_id = any ($1) group by 1, 2 having b.frozen <> sum(p.frozen_millis)
     union all select id, burned_millis, frozen_millis from purchases
     where account_id = any ($1) and burned_millis + frozen_millis + at_risk_millis > base_millis + bonus_millis
     union all select id, at_risk_millis, owed_millis from purchases
     where account_id = any ($2) and (at_risk_millis > 0 or owed_millis > 0)
     union all select d.purchase_id, d.open_millis, p.owed_millis from refund_debts d join purchases p on p.id = d.purchase_id
     where d.account_id = any ($1) and d.open_millis > p.owed_millis
     union all select d.account_id, sum(d.open_millis), -b.debt from refund_debts d join balances b using (account_id)
     where d.account_id = any ($1) group by 1, 3 having sum(d.open_millis) > -b.debt`,
    [
      buyers.map(({ customer }) => customer.id),
      buyers.filter(({ hasUsed }) => !hasUsed).map(({ customer }) => customer.id),
    ],
  );
  expect(wrong).toEqual([]);
}

type Kept = {
  readonly id: string;
  readonly payment: string;
  readonly account: string;
  readonly cents: string;
  readonly total: string;
  readonly frozen: string;
  readonly burned: string;
  readonly risk: string;
};

/** What was taken back is a function of Stripe's objects alone; the dollars are its balance, but for fees and payouts. */
async function mustAgreeWithStripe({ world, buyers, payments }: History): Promise<void> {
  const kept = await world.database.rows<Kept>(
    `select id, payment_intent as payment, account_id as account, amount_cents as cents, base_millis + bonus_millis as total,
       frozen_millis as frozen, burned_millis as burned, at_risk_millis as risk
     from purchases where status = 'paid' and account_id = any ($1)`,
    [buyers.map(({ customer }) => customer.id)],
  );
  for (const { id, payment, cents, total, frozen, burned, risk } of kept) {
    const { gone, disputed } = standing(world, payment);
    const share = (reversed: bigint) =>
      (BigInt(total) * (reversed < BigInt(cents) ? reversed : BigInt(cents))) / BigInt(cents);
    expect({ id, burned: BigInt(burned), aside: BigInt(frozen) + BigInt(risk) }).toEqual({
      id,
      burned: share(gone),
      aside: share(gone + disputed) - share(gone),
    });
  }
  for (const { customer, hasUsed } of buyers) {
    if (hasUsed) continue;
    const own = kept.filter(({ account }) => account === customer.id);
    const [balance] = await world.database.rows<{ left: string; debt: string }>(
      "select wallet + transit as left, debt from balances where account_id = $1",
      [customer.id],
    );
    const left = own.reduce(
      (sum, { total, frozen, burned }) => sum + BigInt(total) - BigInt(frozen) - BigInt(burned),
      0n,
    );
    expect({ balance, atRisk: own.filter(({ risk }) => risk !== "0") }).toEqual({
      balance: { left: left.toString(), debt: "0" },
      atRisk: [],
    });
  }
  const ids = new Set(payments);
  const ofPayments = new Set(
    [
      ...world.stripe.world.charges
        .oldestFirst()
        .filter(({ payment_intent: payment }) => ids.has(idOf(payment))),
      ...world.stripe.world.refunds
        .oldestFirst()
        .filter(({ payment_intent: payment }) => ids.has(idOf(payment))),
      ...world.stripe.world.disputes
        .oldestFirst()
        .filter(({ payment_intent: payment }) => ids.has(idOf(payment))),
    ].map(({ id }) => id),
  );
  const booked = world.stripe.world.balanceTransactions
    .oldestFirst()
    .filter(({ source }) => ofPayments.has(idOf(source)))
    .reduce((sum, { amount }) => sum + amount, 0);
  // A refund on its way has left our books and not yet Stripe's.
  const onTheirWay = world.stripe.world.refunds
    .oldestFirst()
    .filter(({ payment_intent: payment, status }) => ids.has(idOf(payment)) && status === "pending")
    .reduce((sum, { amount }) => sum + amount, 0);
  const [clearing] = await world.database.rows<{ cents: string }>(
    `select coalesce(sum(e.amount), 0) as cents from entries e join transactions t on t.id = e.transaction_id
     where e.ledger = 'stripe_clearing' and (
       t.business_key in (select 'purchase:' || id from purchases where payment_intent = any ($1))
       or t.business_key in (select 'quarantine:' || payment from unnest($1::text[]) as payment)
       or t.business_key in (select k.kind || ':' || k.id || e.ending from (
           select 'refund' as kind, id from refunds where payment = any ($1)
           union all select 'dispute', id from disputes where payment = any ($1)) k, (values (''), (':undone')) as e (ending)))`,
    [payments],
  );
  expect(Number(clearing?.cents)).toBe(booked - onTheirWay);
}

/** Cents that have gone back, and cents that the bank has taken and not decided about. */
function standing(world: World, payment: string): { gone: bigint; disputed: bigint } {
  let gone = 0n;
  let disputed = 0n;
  for (const refund of world.stripe.world.refunds.oldestFirst())
    if (refund.payment_intent === payment && ["pending", "succeeded"].includes(String(refund.status)))
      gone += BigInt(refund.amount);
  for (const dispute of world.stripe.world.disputes.oldestFirst()) {
    if (dispute.payment_intent !== payment) continue;
    if (dispute.status === "lost") gone += BigInt(dispute.amount);
    if (dispute.status === "needs_response" || dispute.status === "under_review")
      disputed += BigInt(dispute.amount);
  }
  return { gone, disputed };
}
