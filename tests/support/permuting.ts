/** Gives one payment's events to the webhook in any order, repeated, late or lost, and reads what the books came to. */
import { afterAll, beforeAll, expect } from "vitest";
import * as z from "zod";
import { newMailedToken } from "../../lib/account/mailed-token.ts";
import { newSession } from "../../lib/account/sessions.ts";
import { openApp } from "../../lib/app.ts";
import { db } from "../../lib/db/open.ts";
import { sql } from "../../lib/db/port.ts";
import { openCheckout } from "../../lib/purchase/open.ts";
import { reconcileStripe } from "../../lib/reconcile/run.ts";
import { promotionCodes, stripe } from "../../lib/stripe/open.ts";
import { venice } from "../../lib/venice/open.ts";
import { everyOrder, repeated, shuffled, type Arrival } from "./arrival-orders.ts";
import { forgetPayments } from "./forgetting.ts";
import { holdDeliveriesBack } from "./holding-back.ts";
import { booksOf, digestOf } from "./payment-books.ts";
import {
  spentMillis,
  type AtStripe,
  type Ending,
  type Scenario,
  type Stage,
  type Use,
} from "./payment-scenarios.ts";
import { chanceOf, type Chance } from "./random.ts";
import { appAt, deliver, type StripeEvent, type World } from "./world.ts";

/** Types that the books act on. */
const actedOn =
  /^(checkout\.session\.(?!expired)|payment_intent\.(succeeded|payment_failed)|refund\.|charge\.refund|charge\.dispute\.)/;

/** Those that only say that a payment has changed. */
const rereads = /^(refund|charge)\./;

/** What is younger the gap closer leaves to the webhook; a second more, for Stripe's times are cut to seconds. */
const webhookMs = 2 * 60_000 + 1_000;

/** `own`: events that our own requests have brought about. */
type Bought = Stage & { readonly purchaseId: string; readonly own: StripeEvent[] };
/** `listed`: what Stripe's list of events has of it. */
type Gap = { readonly listed: readonly StripeEvent[]; readonly lost: number; readonly hasMore: boolean };
type Outcome = { readonly digest: string; readonly books: object };

/** By their numbers: how the events arrive, and which never do, so that we have to fetch them. */
type Plan = { readonly arrivals: readonly Arrival[]; readonly lost?: readonly number[] };

/** What Venice does, where a scenario needs it: what waits is carried out, and what is owed is fetched back. */
export type Venice = { arrive(): Promise<void>; fetchBack(): Promise<void> };

/** Without Venice what waits for it stays where it is: this is about money. */
export function usePermutations(world: World, inVenice?: Venice) {
  let copies = 0;
  let buyers = 0;
  let asking = Promise.resolve<unknown>(undefined);
  let gaps: Gap[] = [];
  let closing = Promise.resolve();
  let next: Promise<void> | undefined;
  const listed = new Set<string>();
  const passwordHash = "no password";

  if (!inVenice) holdDeliveriesBack(world);
  const { log } = console;
  beforeAll(async () => {
    // A line for each of a hundred thousand requests.
    console.log = () => undefined;
    // For our own look at the books: the product never asks for all events of a purchase.
    await world.database.rows("create index events_of_purchase on stripe_events ((fact ->> 'purchaseId'))");
  });

  afterAll(() => {
    console.log = log;
  });

  /** A new customer's unpaid starter pack, by the capabilities behind the doors. In Venice he has proved who he is there. */
  async function order(deliverTo: "wallet" | "venice"): Promise<Bought> {
    buyers += 1;
    const app = openApp({ db, stripe, promotionCodes, venice });
    const id = app.newId("acc");
    const session = newSession(app);
    const citizen = inVenice ? `buyer${buyers}` : "RialtoBanker";
    if (inVenice) world.airtable.addCitizen({ Username: citizen, Ducats: 0, InVenice: true });
    const now = app.clock();
    const link = newMailedToken(app);
    const token = { id: link.id, hash: Buffer.from(link.hash).toString("hex"), expiresAt: "2100-01-01" };
    await app.db.query(
      sql`select sign_up(${now}::timestamptz, '{}', ${id}, ${`buyer${buyers}@example.com`}, ${passwordHash}, ${citizen},
        ${JSON.stringify(token)}::jsonb)`,
      z.unknown(),
    );
    if (inVenice)
      await world.database.rows(
        "update accounts set wallet = 'wallet of ' || id, citizen_proved_at = now() where id = $1",
        [id],
      );
    await app.db.query(
      sql`select complete_sign_in(${now}::timestamptz, '{}', ${id}, ${passwordHash}, null, ${session.row}::jsonb)`,
      z.unknown(),
    );
    const opened = await openCheckout(app, {
      sessionId: session.id,
      wish: { kind: "ordered", order: { pack: "starter" }, deliverTo, promotionCode: undefined },
      idempotencyKey: "only",
      origin: "http://cascade.test",
    });
    if (opened.kind !== "opened") throw new Error(`the order is ${opened.kind}`);
    const sessionId = /cs_[A-Za-z0-9_]+/.exec(opened.url)?.[0] ?? "";
    return {
      ...{ stripe: world.stripe, sessionId, purchaseId: opened.purchaseId },
      ...{ refundId: "", disputeId: "", own: [] },
    };
  }

  /** Stripe's new events, each once: what has been taken is forgotten there, so that the ten-thousandth order costs what the first did. */
  function news(): StripeEvent[] {
    const fresh = world.stripe.events.since().filter(({ id }) => !listed.has(id));
    for (const { id } of fresh) world.stripe.world.events.remove(id);
    return fresh;
  }

  /** Lets one thing happen at Stripe; the events that carry it. */
  function happens(scenario: Scenario, act: AtStripe, bought: Bought): StripeEvent[] {
    bought.own.push(...news());
    act(bought);
    return news().filter(({ type }) => actedOn.test(type) && !scenario.without?.includes(type));
  }

  /** Nobody asks Stripe for this purchase any more. */
  function forget({ sessionId, purchaseId }: Bought): void {
    world.stripe.world.sessions.remove(sessionId);
    forgetPayments(world.stripe.world, ({ metadata }) => metadata["purchase"] === purchaseId);
  }

  async function send(event: StripeEvent, isCopy = false): Promise<void> {
    copies += 1;
    const answer = await deliver(isCopy ? { ...event, id: `evt_copy_${copies}` } : event);
    if (answer.status !== 200) throw new Error(`${event.type}: ${answer.status} ${answer.text}`);
    await answer.afterwards;
  }

  /**
   * One run of the product's own: `reconcile-stripe` goes on from its stored cursor and finds in Stripe's list, beside what was
   * delivered, what was not. Those who need one while another is under way share the next; what is not in these gaps is not listed,
   * so that no run makes up for what another order has lost.
   */
  function closeGap(gap: Gap): Promise<void> {
    gaps.push(gap);
    next ??= closing.then(() => {
      const all = gaps;
      gaps = [];
      next = undefined;
      const run = fetchLost(all);
      closing = run.catch(() => undefined);
      return run;
    });
    return next;
  }

  async function fetchLost(all: readonly Gap[]): Promise<void> {
    const { events: list } = world.stripe.world;
    const events = all.flatMap((gap) => gap.listed);
    for (const event of events) listed.add(list.add(event).id);
    try {
      const report = await reconcileStripe(appAt({ now: new Date(Date.now() + webhookMs) }));
      const lost = all.reduce((sum, gap) => sum + gap.lost, 0);
      expect(report).toMatchObject({ failedEvents: 0, stopped: null });
      // Our own outbox may have brought about more.
      if (all.some(({ hasMore }) => hasMore)) expect(report.events).toBeGreaterThanOrEqual(lost);
      else expect(report.events).toBe(lost);
    } finally {
      for (const { id } of events) {
        list.remove(id);
        listed.delete(id);
      }
    }
  }

  /** What our own requests brought about at Stripe. */
  async function answerOwn(bought: Bought): Promise<void> {
    for (const event of [...bought.own, ...news()])
      if (actedOn.test(event.type) && rereads.test(event.type)) await send(event);
  }

  /** There is one connection: one question at a time. */
  function ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    const answer = asking.then(question);
    asking = answer.catch(() => undefined);
    return answer;
  }

  async function look({ purchaseId }: Bought): Promise<Outcome> {
    const said = await ask(() => booksOf(world, purchaseId));
    return { digest: digestOf(said), books: said };
  }

  async function use(what: Use, { purchaseId }: Bought): Promise<void> {
    if (what === "spent")
      await ask(() =>
        world.database.rows(
          `select post(now(), 'spend:' || id, 'usage', array[('wallet', account_id, -$2::bigint)::leg, ('spent', null, $2)::leg])
           from purchases where id = $1`,
          [purchaseId, spentMillis],
        ),
      );
    else if (inVenice) await inVenice.arrive();
    else throw new Error("there is no Venice for it to arrive in");
  }

  /** With a gap it is closed by one run, and a second one changes nothing. */
  async function outcome(scenario: Scenario, bought: Bought, gap?: Gap): Promise<Outcome> {
    if (gap) await closeGap(gap);
    if (scenario.asksStripe) await answerOwn(bought);
    await inVenice?.fetchBack();
    const ended = await look(bought);
    if (gap) {
      await closeGap({ ...gap, lost: 0, hasMore: false });
      expect((await look(bought)).books).toEqual(ended.books);
    }
    forget(bought);
    return ended;
  }

  /** The Stripe side at its end, then the events by plan; all in their order without one. */
  async function arriving(scenario: Scenario, plan?: Plan): Promise<Outcome & { readonly count: number }> {
    const bought = await order(scenario.deliverTo);
    const events: StripeEvent[] = [];
    let fetched = 0;
    for (const act of scenario.acts) {
      if (typeof act === "function") {
        events.push(...happens(scenario, act, bought));
        continue;
      }
      // By then we have heard of the payment: by what comes first of it, or from Stripe's list when all of it is lost.
      const arrivals = plan?.arrivals ?? [{ index: 0 }];
      const first = arrivals.find(({ index }) => index < events.length);
      if (first) await send(pick(events, first.index));
      else await closeGap({ listed: [...events], lost: (fetched = events.length), hasMore: false });
      await use(act, bought);
    }
    const { arrivals, lost = [] } = plan ?? { arrivals: plain([...events.keys()]) };
    for (const { index, isCopy } of arrivals) await send(pick(events, index), isCopy);
    const hasMore = scenario.asksStripe === true;
    const missing = lost.filter((index) => index >= fetched).length;
    const gap = lost.length > 0 ? { listed: events, lost: missing, hasMore } : undefined;
    return { ...(await outcome(scenario, bought, gap)), count: events.length };
  }

  /** Each event as soon as it happens. */
  async function live(scenario: Scenario): Promise<Outcome> {
    const bought = await order(scenario.deliverTo);
    for (const act of scenario.acts)
      if (typeof act === "function") for (const event of happens(scenario, act, bought)) await send(event);
      else await use(act, bought);
    return await outcome(scenario, bought);
  }

  /** While things go on happening: some at once, some late, some twice, most never; one after the last change is enough. */
  async function lossy(scenario: Scenario, chance: Chance): Promise<Outcome> {
    const bought = await order(scenario.deliverTo);
    let late: StripeEvent[] = [];
    let unpaid: StripeEvent[] = [];
    for (const [index, act] of scenario.acts.entries()) {
      if (typeof act !== "function") {
        if (unpaid.length > 0) await send(chance.pick(unpaid));
        unpaid = [];
        await use(act, bought);
        continue;
      }
      const fresh = shuffled(chance, happens(scenario, act, bought));
      if (index === 0) unpaid = fresh.filter(({ type }) => !rereads.test(type));
      const chosen =
        index < scenario.acts.length - 1
          ? [...late, ...fresh].filter(() => chance.isLucky(0.4))
          : enough([...shuffled(chance, late), ...fresh], fresh, unpaid, chance);
      late = [...late, ...fresh].filter((event) => !chosen.includes(event));
      for (const event of shuffled(chance, chosen)) {
        if (unpaid.includes(event)) unpaid = [];
        await send(event);
        if (chance.isLucky(0.2)) await send(event, true);
      }
    }
    return await outcome(scenario, bought);
  }

  return { arriving, live, lossy, width: inVenice ? 1 : 6 };
}

/** Of the last act's events one, where it only says that something changed; the payment itself, if nothing has told of it. */
function enough(
  all: readonly StripeEvent[],
  fresh: readonly StripeEvent[],
  unpaid: readonly StripeEvent[],
  chance: Chance,
): StripeEvent[] {
  const last = fresh.every(({ type }) => rereads.test(type)) ? [chance.pick(fresh)] : [...fresh];
  const paid =
    unpaid.length === 0 || last.some((event) => unpaid.includes(event)) ? [] : [chance.pick(unpaid)];
  const needed = [...last, ...paid];
  return all.filter((event) => needed.includes(event));
}

function pick<T>(from: readonly T[], index: number): T {
  const found = from[index];
  if (found === undefined) throw new Error(`there is no number ${index}`);
  return found;
}

/** How many orders: all of them up to `all`, else `some`; and how many with repetitions, with one lost, with most lost. */
type Limits = { readonly all: number; readonly some: number; readonly others: number };
type Count = { readonly orders: number; readonly seconds: number };

/** Runs a scenario every way, `limit` orders of each kind at most, and holds all of them to one end. */
export async function holdToOneEnd(
  { arriving, live, lossy, width }: ReturnType<typeof usePermutations>,
  scenario: Scenario,
  limits: Limits,
  seed: number,
): Promise<Count> {
  const startedAt = performance.now();
  const chance = chanceOf(seed);
  const reference = await arriving(scenario);
  const inOrder = Array.from({ length: reference.count }, (_, index) => index);
  expectEnding(reference.books, scenario.ends);
  const all = everyOrder(inOrder.length);
  const chosen = all.length <= limits.all ? all : shuffled(chance, all).slice(0, limits.some);
  const others = shuffled(chance, chosen).slice(0, limits.others);
  const runs: { readonly name: string; readonly run: () => Promise<Outcome> }[] = [
    { name: "live", run: () => live(scenario) },
    ...chosen.map((order) => ({
      name: `order ${order.join(" ")}`,
      run: () => arriving(scenario, { arrivals: plain(order) }),
    })),
    ...others.map((order) => {
      const arrivals = repeated(chance, order);
      return {
        name: `repeated ${arrivals.map(({ index, isCopy }) => `${index}${isCopy ? "'" : ""}`).join(" ")}`,
        run: () => arriving(scenario, { arrivals }),
      };
    }),
    // Complete: each event lost, and all of them. The others come in their order.
    ...[...inOrder.map((index) => [index]), inOrder].map((lost) => ({
      name: `lost ${lost.join(" ")} of their order`,
      run: () =>
        arriving(scenario, { arrivals: plain(inOrder.filter((index) => !lost.includes(index))), lost }),
    })),
    // As many orders as were chosen: the last of one is lost, and so is each event in every order of the others where all are.
    ...others.map((order) => ({
      name: `lost ${order.join(" ")}`,
      run: () => arriving(scenario, { arrivals: plain(order.slice(0, -1)), lost: order.slice(-1) }),
    })),
    ...Array.from({ length: limits.others }, (_, nth) => ({
      name: `lossy ${nth}`,
      run: () => lossy(scenario, chanceOf(seed * 1_000 + nth)),
    })),
  ];
  await atOnce(scenario.asksStripe ? 1 : width, runs, async ({ name, run }) => {
    const ended = await run();
    if (ended.digest !== reference.digest)
      expect({ scenario: scenario.name, name, books: ended.books }).toEqual({
        scenario: scenario.name,
        name,
        books: reference.books,
      });
  });
  return { orders: runs.length + 1, seconds: (performance.now() - startedAt) / 1000 };
}

function plain(order: readonly number[]): Arrival[] {
  return order.map((index) => ({ index, isCopy: false }));
}

async function atOnce<T>(width: number, all: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  let next = 0;
  const hand = async (): Promise<void> => {
    for (let each = all[next++]; each !== undefined; each = all[next++]) await work(each);
  };
  await Promise.all(Array.from({ length: width }, hand));
}

const endingSchema = z.object({
  purchase: z.object({
    status: z.string(),
    burned_millis: z.number(),
    at_risk_millis: z.number(),
    last_decline: z.string().nullable(),
  }),
  balances: z.object({ wallet: z.number(), frozen: z.number(), debt: z.number() }),
  ledgers: z.record(z.string(), z.number()).nullable(),
  recalls: z.array(z.tuple([z.literal("done"), z.number()])).nullable(),
  unhandled: z.literal(0),
});

function expectEnding(books: object, ends: Ending): void {
  const { purchase, balances, ledgers, recalls } = endingSchema.parse(books);
  expect({
    status: purchase.status,
    wallet: balances.wallet,
    frozen: balances.frozen,
    burned: purchase.burned_millis,
    clearing: ledgers?.["stripe_clearing"] ?? 0,
    lastDecline: purchase.last_decline,
    atRisk: purchase.at_risk_millis,
    owed: 0 - balances.debt,
    fetchedBack: (recalls ?? []).reduce((sum, [, millis]) => sum + millis, 0),
  }).toEqual({ lastDecline: null, atRisk: 0, owed: 0, fetchedBack: 0, ...ends });
}
