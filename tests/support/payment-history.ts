/** Histories of purchases whose money comes and goes, drawn by fast-check: what must hold after each step, and what all comes to. */
import fc from "fast-check";
import { expect } from "vitest";
import { runOnce } from "../../lib/delivery/run.ts";
import { paymentTypes } from "../../lib/purchase/payment-fact.ts";
import { reconcileStripe } from "../../lib/reconcile/run.ts";
import { call } from "./call.ts";
import { advance, minutes, type TestClock } from "./delivering.ts";
import { booksOf } from "./payment-books.ts";
import { setRate } from "./rating.ts";
import { oneDucat } from "./spending.ts";
import {
  appAt,
  booksBalance,
  deliver,
  newCustomer,
  openPurchase,
  type CheckoutInput,
  type Customer,
  type StripeEvent,
  type World,
} from "./world.ts";

/** A card whose refunds are pending until somebody says how they end. */
const pendingCard = "4000000000007726";

type Bought = {
  readonly isUsers: boolean;
  readonly order: CheckoutInput;
  readonly purchaseId: string;
  readonly sessionId: string;
};

type History = {
  readonly world: World;
  readonly admin: Customer;
  /** Spends, withdraws, and has his deliveries carried out: what he has left is up to him, too. */
  readonly user: Customer;
  /** Only buys: everything he has is up to Stripe's objects. */
  readonly idler: Customer;
  readonly bought: Bought[];
  readonly payments: string[];
  /** What Stripe has announced, in its order, and what of it is still to be delivered. */
  readonly events: StripeEvent[];
  readonly waiting: StripeEvent[];
  /** The last entry of the books before it. */
  readonly since: number;
};

type Step = { run(history: History): unknown };

/** What the webhook listens to. */
const types = new Set<string>(paymentTypes);

/** One of those there are, by its number. */
const which = fc.nat({ max: 99 });
const someCents = fc.option(fc.integer({ min: 1, max: 1_000 }), { nil: undefined });
/** As an object literal would be. */
const exactly = { noNullPrototype: true } as const;
const deliverTo = fc.constantFrom("wallet", "venice");
const order = fc.oneof(
  fc.record({ pack: fc.constantFrom("starter", "explorer"), deliverTo }, exactly),
  fc.record({ amountCents: fc.integer({ min: 1_000, max: 9_999 }), deliverTo }, exactly),
);

function step<Drawn>(
  weight: number,
  name: string,
  drawn: { [Name in keyof Drawn]: fc.Arbitrary<Drawn[Name]> },
  run: (history: History, drawn: Drawn) => unknown,
): fc.WeightedArbitrary<Step> {
  const arbitrary = fc.record(drawn, exactly).map((values) => ({
    run: (history: History) => run(history, values),
    [fc.toStringMethod]: () => `${name} ${fc.stringify(values)}`,
  }));
  return { weight, arbitrary };
}

const steps = fc.oneof(
  step(4, "pay", { isUsers: fc.boolean(), order, refundsWait: fc.boolean() }, pay),
  step(1, "pay again", { which }, ({ world, bought, payments }, drawn) => {
    const paid = pick(bought, drawn.which);
    const { outcome } = paid ? world.stripe.payAgain(paid.sessionId) : {};
    if (outcome?.kind === "paid" && outcome.paymentIntent) payments.push(outcome.paymentIntent.id);
  }),
  step(3, "refund", { which, amount: someCents }, ({ world, payments }, { which: payment, amount }) => {
    attempt(() => world.stripe.refund(pick(payments, payment) ?? "", amount === undefined ? {} : { amount }));
  }),
  step(3, "our refund", { which, amountCents: someCents, isLost: fc.boolean() }, refundOurselves),
  step(3, "the refund", { which, end: fc.constantFrom("succeed", "fail", "cancel") }, ({ world }, drawn) => {
    const id = pick(world.stripe.world.refunds.oldestFirst(), drawn.which)?.id ?? "";
    attempt(() => world.stripe[`${drawn.end}Refund`](id));
  }),
  step(
    2,
    "dispute",
    { which, amount: someCents, status: fc.constantFrom("needs_response", "warning_needs_response") },
    ({ world, payments }, { which: payment, status, amount }) => {
      const how = { status, ...(amount === undefined ? {} : { amount }) };
      attempt(() => world.stripe.openDispute(pick(payments, payment) ?? "", how));
    },
  ),
  step(
    3,
    "the dispute",
    { which, end: fc.constantFrom("won", "lost", "warning_closed", "prevented", "escalated") },
    ({ world }, { which: dispute, end }) => {
      const id = pick(world.stripe.world.disputes.oldestFirst(), dispute)?.id ?? "";
      attempt(() =>
        end === "escalated" ? world.stripe.escalateDispute(id) : world.stripe.decideDispute(id, end),
      );
    },
  ),
  step(2, "spend", { ducats: fc.integer({ min: 1, max: 200 }) }, async ({ user }, { ducats }) => {
    const events = Array.from({ length: ducats }, () => oneDucat(crypto.randomUUID()));
    const answer = await call("usage", { json: { events }, token: user.token });
    expect([200, 402]).toContain(answer.status);
  }),
  step(1, "withdraw", { ducats: fc.integer({ min: 1, max: 100 }) }, async ({ user }, { ducats }) => {
    const headers = { "idempotency-key": crypto.randomUUID() };
    const answer = await call("withdraw", { json: { ducats }, token: user.token, headers });
    expect(answer.status).toBeLessThan(500);
  }),
  step(2, "Venice", {}, carryOut),
  step(
    8,
    "events",
    {
      which: fc.array(fc.tuple(which, fc.constantFrom("once", "again", "copied")), {
        minLength: 1,
        maxLength: 8,
      }),
      atOnce: fc.constantFrom(1, 4),
      stripeIsAway: fc.boolean(),
    },
    deliverSome,
  ),
  step(2, "lost", { which: fc.array(which, { minLength: 1, maxLength: 4 }) }, ({ waiting }, drawn) => {
    for (const number of drawn.which) take(waiting, number);
  }),
  step(1, "reconcile-stripe", {}, reconcile),
);

/** SEED and, from the report of a failure, its `path` as SHRUNK: that history alone. @throws with what fast-check has shrunk it to. */
export async function proveHistories(world: World, runs: number, length: number): Promise<void> {
  const { SEED: seed = "1", SHRUNK: path } = process.env;
  const histories = fc.array(steps, { minLength: 1, maxLength: length, size: "max" });
  await fc.assert(
    fc.asyncProperty(histories, (drawn) => liveThrough(world, drawn)),
    {
      seed: Number(seed),
      ...(path === undefined ? { numRuns: runs } : { path, numRuns: 1, endOnFailure: true }),
    },
  );
}

async function liveThrough(world: World, drawn: readonly Step[]): Promise<void> {
  const history = await begin(world);
  for (const each of drawn) {
    await each.run(history);
    collect(history);
    await mustHold(history);
  }
  await bringToAnEnd(history);
  await mustHold(history);
  await mustAgreeWithStripe(history);
  await mustBeAsInOrder(history);
}

async function begin(world: World): Promise<History> {
  await world.upstash.clear();
  world.stripe.faults.clear();
  // Of a history that failed Stripe knows nothing any more, and nothing is asked.
  const { events, sessions, paymentIntents, charges, refunds, disputes, balanceTransactions } =
    world.stripe.world;
  for (const objects of [events, sessions, paymentIntents, charges, refunds, disputes, balanceTransactions])
    for (const { id } of objects.oldestFirst()) objects.remove(id);
  await world.database.rows("update refund_requests set state = 'refused' where state = 'asked'");
  const admin = await newCustomer();
  await world.database.rows("update accounts set role = 'admin' where id = $1", [admin.id]);
  // Not a round one: what a cent stands for is no whole number of millis.
  await setRate(world, 173_207);
  const [user, idler] = [await newCustomer(), await newCustomer()];
  const [last] = await world.database.rows<{ id: number }>("select max(id)::int as id from entries");
  const none = { bought: [], payments: [], events: [], waiting: [] };
  return { world, admin, user, idler, since: last?.id ?? 0, ...none };
}

function pick<T>(from: readonly T[], number: number): T | undefined {
  return from[number % from.length];
}

function take<T>(from: T[], number: number): T[] {
  return from.length === 0 ? [] : from.splice(number % from.length, 1);
}

/** What Stripe refuses changes nothing. */
function attempt(act: () => unknown): void {
  try {
    act();
  } catch {
    return;
  }
}

function collect({ world, events, waiting }: History): void {
  const known = new Set(events);
  const isNew = (event: StripeEvent) => !known.has(event) && types.has(event.type);
  const fresh = world.stripe.events.since().filter(isNew);
  events.push(...fresh);
  waiting.push(...fresh);
}

async function pay(
  { world, user, idler, bought, payments }: History,
  drawn: Pick<Bought, "isUsers" | "order"> & { refundsWait: boolean },
): Promise<void> {
  const opened = await openPurchase(drawn.isUsers ? user : idler, drawn.order);
  const { outcome } = world.stripe.pay(opened.sessionId, drawn.refundsWait ? { card: pendingCard } : {});
  if (outcome.kind !== "paid" || !outcome.paymentIntent) throw new Error(`the payment is ${outcome.kind}`);
  payments.push(outcome.paymentIntent.id);
  bought.push({ ...drawn, ...opened });
}

async function refundOurselves(
  { world, admin, bought }: History,
  drawn: { which: number; amountCents: number | undefined; isLost: boolean },
): Promise<void> {
  const paid = pick(bought, drawn.which);
  if (!paid) return;
  const kind = drawn.which % 2 === 0 ? "drop_before" : "drop_after";
  if (drawn.isLost) world.stripe.faults.plan({ kind, method: "POST", path: "/v1/refunds", times: 3 });
  const answer = await call("refunds", {
    json: { purchaseId: paid.purchaseId, amountCents: drawn.amountCents, reason: "asked for it" },
    token: admin.token,
    headers: { "idempotency-key": crypto.randomUUID() },
  });
  world.stripe.faults.clear();
  expect([201, 409]).toContain(answer.status);
}

/** Venice's; it never goes back. */
const clock: TestClock = { now: new Date() };

/** What waits for the user is sent, the game carries it out, and we see that it did; what he owes may be fetched back. */
async function carryOut({ world, user }: History): Promise<void> {
  await world.database.rows(
    "update deliveries set next_at = '-infinity' where status = 'pending' and account_id = $1",
    [user.id],
  );
  for (const run of [1, 2, 3]) {
    advance(clock, minutes(1));
    expect(await runOnce(appAt(clock), 100)).toMatchObject({ stopped: null });
    await world.venice.settled();
    if (run === 1) await world.airtable.runGame();
  }
}

async function deliverSome(
  { world, waiting }: History,
  drawn: { which: [number, string][]; atOnce: number; stripeIsAway: boolean },
): Promise<void> {
  if (drawn.stripeIsAway)
    world.stripe.faults.plan({ kind: "drop_before", method: "GET", path: "/v1/refunds", times: 3 });
  const sent = drawn.which.flatMap(([number, how]) =>
    take(waiting, number).flatMap((event) => {
      if (how === "once") return [event];
      return [event, how === "again" ? event : { ...event, id: `${event.id}_copy` }];
    }),
  );
  const refused = new Set<StripeEvent>();
  for (let start = 0; start < sent.length; start += drawn.atOnce)
    await Promise.all(
      sent.slice(start, start + drawn.atOnce).map(async (event) => {
        const answer = await deliver(event);
        await answer.afterwards;
        expect([200, 503]).toContain(answer.status);
        if (answer.status === 503) refused.add(event);
      }),
    );
  world.stripe.faults.clear();
  // With Stripe away they come back.
  waiting.push(...refused);
}

async function reconcile(): Promise<void> {
  // What is younger the run leaves to the webhook.
  const now = new Date(Date.now() + minutes(2) + 1_000);
  const report = await reconcileStripe(appAt({ now }));
  expect(report).toMatchObject({ failedEvents: 0, stopped: null });
}

/** Half of what waits is delivered, the newest first; our own run makes up for the rest and the lost, and asks for what is asked. */
async function bringToAnEnd(history: History): Promise<void> {
  const { world, events, waiting } = history;
  for (const event of waiting.splice(Math.ceil(waiting.length / 2)).reverse())
    expect((await deliver(event)).status).toBe(200);
  for (let known = -1; known < events.length;) {
    known = events.length;
    await world.database.rows("update refund_requests set next_at = '-infinity' where state = 'asked'");
    await reconcile();
    collect(history);
  }
  expect(await world.database.rows("select from refund_requests where state = 'asked'")).toEqual([]);
}

async function mustHold(history: History): Promise<void> {
  const { world, user, idler } = history;
  await booksBalance(world);
  const wrong = await world.database.rows(
    `select b.account_id, b.frozen, sum(p.frozen_millis) as of_purchases from balances b join purchases p using (account_id)
     where b.account_id = any ($1) group by 1, 2 having b.frozen <> sum(p.frozen_millis)
     union all select id, burned_millis, frozen_millis from purchases
     where account_id = any ($1) and burned_millis + frozen_millis + at_risk_millis > base_millis + bonus_millis
     union all select id, at_risk_millis, owed_millis from purchases
     where account_id = $2 and (at_risk_millis > 0 or owed_millis > 0)
     union all select d.purchase_id, d.open_millis, p.owed_millis from refund_debts d join purchases p on p.id = d.purchase_id
     where d.account_id = any ($1) and d.open_millis > p.owed_millis
     union all select d.account_id, sum(d.open_millis), -b.debt from refund_debts d join balances b using (account_id)
     where d.account_id = any ($1) group by 1, 3 having sum(d.open_millis) > -b.debt`,
    [[user.id, idler.id], idler.id],
  );
  expect(wrong).toEqual([]);
  // What Stripe has not told is not booked; nothing is booked that has not been.
  const known = await booked(history);
  const { paid, out, back } = atStripe(world);
  expect(known.paid).toBeLessThanOrEqual(paid);
  expect(known.out).toBeLessThanOrEqual(out);
  expect(known.back).toBeLessThanOrEqual(back);
}

/** Cents that came in, that went out again and that came back after all; and what the books' account at Stripe holds, fees included. */
type Dollars = { readonly paid: number; readonly out: number; readonly back: number; readonly held: number };

async function booked({ world, since }: History): Promise<Dollars> {
  const [row] = await world.database.rows<Dollars>(
    `select coalesce(sum(e.amount) filter (where t.kind in ('purchase', 'quarantine')), 0)::int as paid,
       coalesce(sum(-e.amount) filter (where t.kind in ('refund', 'dispute') and e.amount < 0), 0)::int as out,
       coalesce(sum(e.amount) filter (where t.kind in ('refund', 'dispute') and e.amount > 0), 0)::int as back,
       coalesce(sum(e.amount), 0)::int as held
     from entries e join transactions t on t.id = e.transaction_id where e.ledger = 'stripe_clearing' and e.id > $1`,
    [since],
  );
  if (!row) throw new Error("there are no books");
  return row;
}

/** A refund on its way has left our books and not yet Stripe's balance. */
function atStripe({ stripe }: World): Dollars {
  const { charges, refunds, disputes, balanceTransactions } = stripe.world;
  const sum = (amounts: readonly number[]) => amounts.reduce((all, each) => all + each, 0);
  const sent = refunds.oldestFirst();
  const amounts = (of: typeof sent) => of.map(({ amount }) => amount);
  const disputed = disputes.oldestFirst().flatMap((each) => each.balance_transactions.map((t) => t.amount));
  const pending = sent.filter(({ status }) => status === "pending");
  return {
    paid: sum(charges.oldestFirst().map(({ amount_captured: cents }) => cents)),
    out: sum(amounts(sent)) - sum(disputed.filter((amount) => amount < 0)),
    back:
      sum(amounts(sent.filter(({ status }) => status === "failed" || status === "canceled"))) +
      sum(disputed.filter((amount) => amount > 0)),
    held: sum(balanceTransactions.oldestFirst().map(({ net }) => net)) - sum(amounts(pending)),
  };
}

/** What was taken back is a function of Stripe's objects alone; the dollars are its balance. */
async function mustAgreeWithStripe(history: History): Promise<void> {
  const { world, user, idler } = history;
  const rows = await world.database.rows<Record<"payment" | "cents" | "total" | "burned" | "aside", string>>(
    `select payment_intent as payment, amount_cents as cents, base_millis + bonus_millis as total, burned_millis as burned,
       frozen_millis + at_risk_millis as aside
     from purchases where status = 'paid' and account_id in ($1, $2)`,
    [user.id, idler.id],
  );
  expect(rows).toHaveLength(history.bought.length);
  const { refunds, disputes } = world.stripe.world;
  for (const { payment, cents, total, burned, aside } of rows) {
    const share = (...statuses: string[]) => {
      const reversed = [...refunds.oldestFirst(), ...disputes.oldestFirst()]
        .filter((each) => each.payment_intent === payment && statuses.includes(String(each.status)))
        .reduce((sum, { amount }) => sum + amount, 0);
      return (BigInt(total) * BigInt(Math.min(reversed, Number(cents)))) / BigInt(cents);
    };
    const gone = share("succeeded", "lost");
    const taken = share("succeeded", "lost", "pending", "needs_response", "under_review");
    expect({ payment, burned: BigInt(burned), aside: BigInt(aside) }).toEqual({
      payment,
      burned: gone,
      aside: taken - gone,
    });
  }
  expect((await booked(history)).held).toBe(atStripe(world).held);
}

/**
 * The same objects at Stripe, as of another's purchases, whose events come in their order: the books say the same of both. Of two
 * payments the one that came first is the purchase's, by which our own refund of the other went: those set aside come last, and none
 * is refunded once more.
 */
async function mustBeAsInOrder({ world, bought, events }: History): Promise<void> {
  const names = new Map<string, string>();
  const [user, idler] = [await newCustomer(), await newCustomer()];
  for (const { isUsers, order: ordered, purchaseId, sessionId } of bought) {
    const twin = await openPurchase(isUsers ? user : idler, ordered);
    names.set(purchaseId, twin.purchaseId).set(sessionId, twin.sessionId);
  }
  const renamed = <T>(value: T): T => {
    const name = (id: string) => names.get(id) ?? `${id}Twin`;
    return JSON.parse(JSON.stringify(value).replaceAll(/\b(?:pur|cus|cs|pi|ch|re|du|evt)_\w+/g, name)) as T;
  };
  const { paymentIntents, charges, refunds, disputes } = world.stripe.world;
  for (const each of paymentIntents.oldestFirst()) paymentIntents.add(renamed(each));
  for (const each of charges.oldestFirst()) charges.add(renamed(each));
  for (const each of refunds.oldestFirst()) refunds.add(renamed(each));
  for (const each of disputes.oldestFirst()) disputes.add(renamed(each));
  const aside = await world.database.rows<{ payment: string }>("select payment from quarantines");
  const isAside = (event: StripeEvent) =>
    aside.some(({ payment }) => JSON.stringify(event).includes(payment));
  world.stripe.faults.plan({ kind: "status", status: 400, method: "POST", path: "/v1/refunds", times: 100 });
  for (const event of [...events.filter((each) => !isAside(each)), ...events.filter(isAside)]) {
    const answer = await deliver(renamed(event));
    await answer.afterwards;
    expect([event.type, answer.status]).toEqual([event.type, 200]);
  }
  for (const { isUsers, purchaseId } of bought)
    expect(ofStripe(await booksOf(world, purchaseId), isUsers)).toEqual(
      ofStripe(await booksOf(world, names.get(purchaseId) ?? ""), isUsers),
    );
}

/** What only Stripe's objects decide. */
function ofStripe(books: Record<string, unknown>, isUsers: boolean): object {
  const { refunds, disputes, quarantines, unhandled, ...own } = books;
  if (isUsers) return { refunds, disputes, quarantines, unhandled };
  const { purchase, balances, deliveries, ledgers } = own;
  return { purchase, refunds, disputes, quarantines, unhandled, balances, deliveries, ledgers };
}
