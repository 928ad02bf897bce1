/** Gives a subscription's events to the webhook in any order, twice, at once or never, and reads what the books came to. */
import { createHash } from "node:crypto";
import { expect, vi } from "vitest";
import * as z from "zod";
import { sql } from "../../lib/db/port.ts";
import { eventFact } from "../../lib/purchase/event-fact.ts";
import { grantsJson, readSubscription } from "../../lib/subscription/reread.ts";
import { everyOrder, repeated, shuffled } from "./arrival-orders.ts";
import { forgetSubscriber } from "./forgetting.ts";
import { chanceOf } from "./random.ts";
import { start, type Stage, type SubscriptionScenario } from "./subscription-scenarios.ts";
import type { Subscriber, Subscribers } from "./subscribing.ts";
import { appAt, deliver, type StripeEvent, type World } from "./world.ts";

/** How many orders of a scenario, and how many of them with repetitions, with one event lost, and all at once. */
type Limits = { readonly orders: number; readonly others: number };

const begin = "2026-03-10T09:00:00Z";
let copies = 0;

/** Holds every order to one end, and each event as soon as it happens; answers how many there were, and of how many events. */
export async function holdSubscriptionToOneEnd(
  world: World,
  subscribers: Subscribers,
  scenario: SubscriptionScenario,
  limits: Limits,
): Promise<{ readonly runs: number; readonly events: number }> {
  const chance = chanceOf(1);
  const reference = await run(world, subscribers, scenario, (events) => one(events));
  expect(reference.ends).toEqual(scenario.ends);
  const count = reference.events;
  const orders = shuffled(chance, everyOrder(Math.min(count, 7))).slice(0, limits.orders);
  const ways: ((events: readonly StripeEvent[]) => Promise<void>)[] = [];
  for (const [index, order] of orders.entries()) {
    // Of more than seven the others follow in the order in which they were made.
    const inOrder = (events: readonly StripeEvent[]) => {
      const first = events.slice(0, 7);
      return [...order.flatMap((place) => first[place] ?? []), ...events.slice(7)];
    };
    ways.push((events) => one(inOrder(events)));
    if (index >= limits.others) continue;
    ways.push((events) => {
      const all = inOrder(events);
      const places = repeated(
        chance,
        all.map((_, place) => place),
      );
      return one(places.flatMap(({ index: place, isCopy }) => again(all[place], isCopy)));
    });
    // Lost: the last of the order never comes; another one that does says as much.
    ways.push((events) => one(inOrder(events).slice(0, -1)));
    ways.push((events) => atOnce(inOrder(events)));
  }
  for (const way of [...ways, "live" as const, "held" as const]) {
    const ended = await run(world, subscribers, scenario, way);
    if (ended.digest !== reference.digest)
      expect({ scenario: scenario.name, books: ended.books }).toEqual({
        scenario: scenario.name,
        books: reference.books,
      });
  }
  return { runs: ways.length + 3, events: count };
}

async function one(events: readonly StripeEvent[]): Promise<void> {
  for (const event of events) await send(event);
}

async function atOnce(events: readonly StripeEvent[]): Promise<void> {
  await Promise.all(events.map(send));
}

async function send(event: StripeEvent): Promise<void> {
  const answer = await deliver(event);
  if (answer.status !== 200) throw new Error(`${event.type}: ${answer.status} ${answer.text}`);
  await answer.afterwards;
}

function again(event: StripeEvent | undefined, isCopy: boolean): StripeEvent[] {
  if (!event) return [];
  copies += 1;
  return [isCopy ? { ...event, id: `evt_copy_${copies}` } : event];
}

async function run(
  world: World,
  subscribers: Subscribers,
  scenario: SubscriptionScenario,
  way: "live" | "held" | ((events: readonly StripeEvent[]) => Promise<void>),
) {
  vi.setSystemTime(begin);
  const who = await subscribers.plantSubscriber();
  const stage: Stage = {
    ...subscribers,
    who,
    stripe: world.stripe,
    subscription: undefined,
    refundId: "",
    disputeId: "",
    wait(ms) {
      vi.setSystemTime(Date.now() + ms);
      world.stripe.advance({ ms: 0 });
    },
    turnCard(card) {
      world.stripe.turnCard(who.card, card);
    },
  };
  const news = () => subscribers.news().filter((event) => isActedOn(event) && isAbout(world, event, who));
  if (scenario.begins) {
    await start(stage);
    await one(news());
  }
  const mine: StripeEvent[] = [];
  const held: (object | null)[] = [];
  for (const act of scenario.acts) {
    await act(stage);
    if (way === "held" && stage.subscription)
      held.push(await readSubscription(appAt({ now: new Date() }), stage.subscription.id));
    const fresh = news();
    if (way === "live") await one(fresh);
    mine.push(...fresh);
  }
  if (typeof way === "function") await way(mine);
  // What was read between the acts is saved when all is over, the newest first.
  if (way === "held") {
    await one(mine);
    for (const read of held.toReversed()) await keep(read);
  }
  // The hourly work, for this account alone.
  await world.database.rows("select keep_subscriptions($1, $2, $3, 1)", [
    new Date(),
    grantsJson,
    who.id.slice(0, -1),
  ]);
  const { tier, state } = await subscribers.standing(who);
  const months = await subscribers.granted(who);
  const books = await booksOf(world, who);
  const left = scenario.ends.left && { left: await leftOf(world, who) };
  // What is over is no more work for Stripe's clock.
  await subscribers.sdk().customers.del(who.stripeCustomer);
  subscribers.news();
  forgetSubscriber(world.stripe.world, who.stripeCustomer);
  return {
    events: mine.length,
    ends: { tier, state, months: months.length, ...left },
    books,
    digest: createHash("sha256").update(JSON.stringify(books)).digest("hex"),
  };
}

async function keep(read: object | null): Promise<void> {
  const { db, clock } = appAt({ now: new Date() });
  await db.query(
    sql`select save_subscription_read(${clock()}::timestamptz, ${JSON.stringify(read)}::jsonb)`,
    z.unknown(),
  );
}

function isActedOn({ type, ...event }: StripeEvent): boolean {
  const { id, api_version: apiVersion, livemode, created, data } = event;
  const fact = eventFact(
    { id, type, apiVersion, livemode, created, object: data.object, payload: event },
    apiVersion,
  );
  return fact.effect !== "none" && fact.effect !== "new_card";
}

/** A refund and a dispute name the charge alone. */
function isAbout({ stripe }: World, event: StripeEvent, { stripeCustomer }: Subscriber): boolean {
  const said = JSON.stringify(event.data.object);
  return (
    said.includes(stripeCustomer) ||
    stripe.world.charges
      .oldestFirst()
      .some(({ id, customer }) => customer === stripeCustomer && said.includes(id))
  );
}

async function leftOf(world: World, { id }: Subscriber) {
  const [row] = await world.database.rows<Record<"wallet" | "frozen" | "debt", string>>(
    "select wallet / 1000.0 as wallet, frozen / 1000.0 as frozen, -debt / 1000.0 as debt from balances where account_id = $1",
    [id],
  );
  return { wallet: Number(row?.wallet), frozen: Number(row?.frozen), debt: Number(row?.debt) };
}

/** Without ids, times of reading and the number of postings; letters, which tell what was seen on the way, are left out. */
async function booksOf(world: World, { id }: Subscriber): Promise<object> {
  const [row] = await world.database.rows<{ books: object }>(
    `with mine as (select * from subscriptions where account_id = $1),
       bills as (select i.* from subscription_invoices i join mine on mine.id = i.subscription_id)
     select jsonb_build_object(
       'subscription', (select jsonb_agg(to_jsonb(m) - 'id' - 'account_id' - 'ticket' - 'read_at') from mine m),
       'invoices', (select jsonb_agg(to_jsonb(b) - 'id' - 'subscription_id' - 'payment' - 'reversals' order by b.created_at, b.due_cents) from bills b),
       'grants', (select jsonb_agg(jsonb_build_array(g.month_start, g.tier, g.millis) order by g.month_start)
         from grants g join mine on mine.id = g.subscription_id),
       'balances', (select to_jsonb(b) - 'account_id' from balances b where account_id = $1),
       'dollars', (select sum(e.amount) from entries e join transactions t on t.id = e.transaction_id
         where e.ledger = 'stripe_clearing' and t.business_key in (select 'invoice:' || id from bills)),
       'back', (select jsonb_agg(jsonb_build_array(r.amount_cents, r.status, r.posted) order by r.amount_cents, r.status) from (
         select payment, amount_cents, status, posted from refunds union all select payment, amount_cents, status, posted from disputes) r
         where r.payment in (select payment from bills)),
       'told', (select told_tier from accounts where id = $1),
       'unhandled', (select count(*) from stripe_events where state in ('parked', 'failed')
         and fact ->> 'paymentIntent' in (select payment from bills))) as books`,
    [id],
  );
  if (!row) throw new Error("there are no books");
  return row.books;
}
