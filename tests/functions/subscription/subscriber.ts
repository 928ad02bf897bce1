/** A customer on the way to a tier and through its changes: through the functions' doors, paid at the stand-in. */
import StripeSdk from "stripe";
import { afterEach, vi } from "vitest";
import { plantSession } from "../../authorisation/people.ts";
import { call, type Called } from "../../support/call.ts";
import { deliver, eventsOf, newCustomer, type Customer, type World } from "../../support/world.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

export type Plan = { readonly tier: string; readonly period: string };
export const builder = { tier: "builder", period: "month" };
export const architect = { tier: "architect", period: "month" };

export type Subscriber = Customer & { readonly subscription: string; readonly stripeCustomer: string };

let keys = 0;

export function useSubscribers(world: World) {
  let now: Date | undefined;
  afterEach(() => {
    now = undefined;
    vi.useRealTimers();
  });

  const sdk = (): StripeSdk => new StripeSdk("sk_test_cascade", world.stripe.sdkConfig);

  async function act(customer: Customer, json: object, key?: string): Promise<Called> {
    keys += 1;
    const headers = { "idempotency-key": key ?? `act-${keys}` };
    // Limits are another file's.
    await world.upstash.clear();
    return await call("subscription", { json, token: customer.token, headers });
  }
  const start = (customer: Customer, plan: Plan) => act(customer, { action: "start", ...plan });
  const preview = (customer: Customer, plan: Plan) => act(customer, { action: "preview", ...plan });

  const sessionIn = (url: string): string => /cs_[A-Za-z0-9_]+/.exec(url)?.[0] ?? "";

  /** Has Stripe's news of one page delivered. */
  async function tell(sessionId: string): Promise<void> {
    for (const event of eventsOf(world, sessionId, "checkout.session.completed", "checkout.session.expired"))
      await (
        await deliver(event)
      ).afterwards;
  }

  /** A customer who has a tier, paid by a card that is good. */
  async function subscribed(plan: Plan = builder): Promise<Subscriber> {
    const customer = await newCustomer();
    const started = await start(customer, plan);
    if (started.status !== 201) throw new Error(`start: ${started.text}`);
    const sessionId = sessionIn(started.body.url);
    world.stripe.pay(sessionId);
    await tell(sessionId);
    const [row] = await world.database.rows<{ id: string; customer: string }>(
      `select s.id, a.stripe_customer as customer from subscriptions s join accounts a on a.id = s.account_id
       where a.id = $1`,
      [customer.id],
    );
    if (!row) throw new Error("the books know no subscription");
    return { ...customer, subscription: row.id, stripeCustomer: row.customer };
  }

  /** Customers that Stripe has of an account, by their e-mail. */
  const customersOf = ({ email }: Customer): string[] =>
    world.stripe.world.customers
      .oldestFirst()
      .filter((each) => each.email === email)
      .map(({ id }) => id);

  return {
    ...{ sdk, act, start, preview, sessionIn, tell, subscribed, customersOf },

    show: async (customer: Customer) => (await call("subscription", { token: customer.token })).body,

    /** Pages of an account that could be paid now. */
    openPages: (customer: Customer) =>
      world.stripe.world.sessions
        .oldestFirst()
        .filter(
          ({ customer_details: details, status }) => details?.email === customer.email && status === "open",
        ),

    /** Subscriptions of an account's customers at Stripe. */
    subscriptionsOf: (customer: Customer) => {
      const mine = customersOf(customer);
      return world.stripe.world.billing.subscriptions
        .oldestFirst()
        .filter(({ customer: owner }) => typeof owner === "string" && mine.includes(owner));
    },

    /** Previews a change and has it made as it was previewed. */
    change: async (customer: Customer, plan: Plan, key?: string): Promise<Called> => {
      const { prorationAt, dueNowCents } = (await preview(customer, plan)).body;
      return await act(customer, { action: "change", ...plan, prorationAt, dueNowCents }, key);
    },

    /** Lets days pass, for us and for Stripe, and signs in anew. */
    pass: async <C extends Customer>(customer: C, days: number): Promise<C> => {
      now = new Date((now ?? new Date()).getTime() + days * DAY_MS);
      vi.useFakeTimers({ toFake: ["Date"], now });
      // Whatever is asked of it, the stand-in does what is due first.
      await sdk().invoices.list();
      return { ...customer, token: (await plantSession(world, customer.id)).token };
    },

    /** From now on the card that a tier is charged to behaves like that test card. */
    turnCard: async ({ stripeCustomer }: Subscriber, to: string): Promise<void> => {
      const customer = await sdk().customers.retrieve(stripeCustomer);
      const card = customer.deleted === true ? null : customer.invoice_settings.default_payment_method;
      if (typeof card !== "string") throw new Error(`${stripeCustomer} has no card`);
      world.stripe.turnCard(card, to);
    },

    /** The latest invoice at Stripe. */
    latest: async (subscription: string): Promise<StripeSdk.Invoice> => {
      const [invoice] = (await sdk().invoices.list({ subscription, limit: 1 })).data;
      if (!invoice) throw new Error(`${subscription} has no invoice`);
      return invoice;
    },

    /** Delivers what Stripe says of ended subscriptions. */
    tellEnds: async (): Promise<void> => {
      for (const event of world.stripe.world.events.oldestFirst())
        if (event.type === "customer.subscription.deleted") await deliver(event);
    },
  };
}
