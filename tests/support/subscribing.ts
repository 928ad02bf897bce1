/** Subscribers: accounts with a customer and a card at Stripe, and the days that pass for both. */
import StripeSdk from "stripe";
import { afterEach, beforeEach, vi } from "vitest";
import { DAY_MS } from "../../lib/clock.ts";
import { tierLookupKey, type Interval, type TierId } from "../../lib/catalog/tiers.ts";
import { sql } from "../../lib/db/port.ts";
import { grantsJson } from "../../lib/subscription/reread.ts";
import * as z from "zod";
import { plantSession } from "../authorisation/people.ts";
import { call, type Called } from "./call.ts";
import type { TestDatabase } from "./database.ts";
import { appAt, deliver, newCustomer, type Customer, type StripeEvent, type World } from "./world.ts";

/** A month of it, straight into the books, as Stripe would have it. */
export async function giveTier(
  database: Pick<TestDatabase, "rows">,
  accountId: string,
  tier: string,
): Promise<void> {
  await database.rows(
    `insert into subscriptions (id, account_id, livemode, ticket, read_at, status, tier, period, period_start, period_end,
       started_at, paused)
     values ('sub_given_' || $1, $1, false, 0, now(), 'active', $2, 'month', now() - interval '1 day', now() + interval '29 days',
       now() - interval '1 day', false)`,
    [accountId, tier],
  );
}

export type Subscriber = Customer & { readonly stripeCustomer: string; readonly card: string };

export type Standing = {
  readonly tier: string;
  readonly state: string;
};

export type Subscribers = ReturnType<typeof useSubscribers>;

/** Time is ours and Stripe's alike: it begins at `from` and moves when it is told to. */
export function useSubscribers(world: World, from: string) {
  let mark = 0;
  let acts = 0;
  const sdk = () => new StripeSdk("sk_test_cascade", world.stripe.sdkConfig);

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date(from) });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function subscriber(card = "4242424242424242"): Promise<Subscriber> {
    return withCard(await newCustomer(), card);
  }

  /** Without a password or a session: a thousand of them cost little. */
  async function plantSubscriber(): Promise<Subscriber> {
    const { newId } = appAt({ now: new Date() });
    const id = newId("acc");
    const email = `${id}@example.com`;
    await world.database.rows(
      `insert into accounts (id, email, password_hash, citizen, created_at) values ($1, $2, 'none', 'RialtoBanker', $3)`,
      [id, email, new Date()],
    );
    await world.database.rows("insert into balances (account_id) values ($1)", [id]);
    return withCard({ id, email, citizen: "RialtoBanker", token: "" }, "4242424242424242");
  }

  async function withCard(customer: Customer, card: string): Promise<Subscriber> {
    const { id } = await sdk().customers.create({ email: customer.email });
    await world.database.rows(
      "update accounts set stripe_customer = $2, stripe_customer_live = false where id = $1",
      [customer.id, id],
    );
    const method = world.stripe.storeCard(id, { card, makeDefault: true });
    news();
    return { ...customer, stripeCustomer: id, card: method.id };
  }

  async function priceOf(tier: TierId, interval: Interval): Promise<string> {
    const [price] = (await sdk().prices.list({ lookup_keys: [tierLookupKey(tier, interval)] })).data;
    if (!price) throw new Error(`no price of ${tier} for a ${interval}`);
    return price.id;
  }

  /** As a payment page would, its events not delivered yet. */
  async function subscribe(
    { stripeCustomer }: Subscriber,
    tier: TierId,
    interval: Interval = "month",
    extra: Partial<StripeSdk.SubscriptionCreateParams> = {},
  ): Promise<StripeSdk.Subscription> {
    return sdk().subscriptions.create({
      customer: stripeCustomer,
      items: [{ price: await priceOf(tier, interval) }],
      ...extra,
    });
  }

  /** As a signed-in customer asks `subscription`; each time with another key, unless one is given. */
  async function act({ id }: Pick<Customer, "id">, json: object, key?: string): Promise<Called> {
    acts += 1;
    const { token } = await plantSession(world, id);
    // Limits are another file's.
    await world.upstash.clear();
    return await call("subscription", { json, token, headers: { "idempotency-key": key ?? `act-${acts}` } });
  }

  /** Through the payment page, with a card that is good, its events delivered. Answers the subscription's id. */
  async function startByPage(who: Subscriber, tier: TierId, period: Interval): Promise<string> {
    const { body } = await act(who, { action: "start", tier, period });
    world.stripe.pay(/cs_[A-Za-z0-9_]+/.exec(String(body.url))?.[0] ?? "");
    await bring();
    const [started] = (await sdk().subscriptions.list({ customer: who.stripeCustomer })).data;
    if (!started) throw new Error("nothing was started");
    return started.id;
  }

  /** Previews a change and has it made as it was previewed. */
  async function change(who: Subscriber, tier: TierId, period: Interval, key?: string): Promise<Called> {
    const { body } = await act(who, { action: "preview", tier, period });
    const { prorationAt, dueNowCents } = body;
    return await act(who, { action: "change", tier, period, prorationAt, dueNowCents }, key);
  }

  /** What happened at Stripe since the last call, each event once. */
  function news(): StripeEvent[] {
    const fresh = world.stripe.events.since(mark);
    mark = world.stripe.events.mark();
    return fresh;
  }

  /** Stripe's webhook brings what happened. */
  async function bring(events: readonly StripeEvent[] = news()): Promise<void> {
    for (const event of events) {
      const answer = await deliver(event);
      if (answer.status !== 200) throw new Error(`${event.type}: ${answer.status} ${answer.text}`);
      await answer.afterwards;
    }
  }

  /** A day at a time: Stripe does what is due, its events arrive, our own hourly work is done once. */
  async function passTo(time: string | Date): Promise<void> {
    const end = new Date(time).getTime();
    while (Date.now() < end) {
      vi.setSystemTime(Math.min(Date.now() + DAY_MS, end));
      world.stripe.advance({ ms: 0 });
      await bring();
      await keep();
    }
  }

  /** The hourly work. */
  async function keep(): Promise<void> {
    const { db, clock } = appAt({ now: new Date() });
    await db.query(
      sql`select keep_subscriptions(${clock()}::timestamptz, ${grantsJson}::jsonb)`,
      z.unknown(),
    );
  }

  async function standing({ id }: Pick<Customer, "id">): Promise<Standing> {
    const [row] = await world.database.rows<Standing>("select e.tier, e.state from entitlements($1, $2) e", [
      id,
      new Date(),
    ]);
    if (!row) throw new Error("nobody stands nowhere");
    return row;
  }

  /** Ducats that were granted, a month each. */
  async function granted({ id }: Pick<Customer, "id">): Promise<readonly (readonly [string, number])[]> {
    const rows = await world.database.rows<{ month: string; ducats: number }>(
      `select to_char(g.month_start at time zone 'UTC', 'YYYY-MM-DD') as month, (g.millis / 1000)::int as ducats
       from grants g join subscriptions s on s.id = g.subscription_id where s.account_id = $1 and g.millis > 0 order by g.month_start`,
      [id],
    );
    return rows.map(({ month, ducats }) => [month, ducats] as const);
  }

  /** The kinds of letters about the subscription, in their order. */
  async function letters({ id }: Pick<Customer, "id">): Promise<readonly string[]> {
    const rows = await world.database.rows<{ kind: string }>(
      `select kind from letters where account_id = $1 and kind not in ('verification', 'sign_in_added') order by id`,
      [id],
    );
    return rows.map(({ kind }) => kind);
  }

  return {
    sdk,
    subscriber,
    plantSubscriber,
    priceOf,
    subscribe,
    act,
    startByPage,
    change,
    news,
    bring,
    passTo,
    keep,
    standing,
    granted,
    letters,
  };
}
