/** A random history of one subscriber: changes of tier, declines, packs and use, money that goes back; what must hold after each step. */
import type { Stripe } from "stripe";
import { expect, vi } from "vitest";
import { idOf } from "../../dev/stripe/reference.ts";
import { tiers, type TierId } from "../../lib/catalog/tiers.ts";
import { DAY_MS } from "../../lib/clock.ts";
import { useInvoiceReversals } from "./invoice-reversing.ts";
import { chanceOf } from "./random.ts";
import type { Subscribers } from "./subscribing.ts";
import { call, type Called } from "./call.ts";
import { booksBalance, deliver, paidPurchase, signInAgain, type World } from "./world.ts";

const paidTiers: readonly TierId[] = ["builder", "architect", "revolutionary"];
const dearest = 3_500;
const grantOf = new Map<string, number>(
  tiers.map((tier) => [tier.id, Number(tier.grantMillisPerMonth) / 1_000]),
);

/** @throws Error with the seed and its steps when something does not hold. */
export async function liveOn(
  world: World,
  subscribers: Subscribers,
  seed: number,
  steps: number,
): Promise<readonly string[]> {
  const chance = chanceOf(seed);
  const { sdk, subscriber, priceOf, subscribe, act, change, bring, passTo, standing, granted, news } =
    subscribers;
  const { balance, taken, paymentsOf, moneyBackOf, holdShares } = useInvoiceReversals(world, subscribers);
  const who = await subscriber();
  let bought = 0;
  let spent = 0;
  let known: readonly string[] = [];
  const done: string[] = [];

  async function alive(): Promise<Stripe.Subscription | undefined> {
    const { data } = await sdk().subscriptions.list({ customer: who.stripeCustomer });
    return data[0];
  }

  /** What Stripe refuses, because of the card or the state, changes nothing. */
  async function attempt(act: () => Promise<unknown>): Promise<string> {
    try {
      await act();
      return "done";
    } catch (error) {
      return error instanceof Error ? `refused (${error.message.slice(0, 60)})` : "refused";
    }
  }

  /** Through `subscription`, as the customer does: what it refuses changes nothing. */
  async function ask(asked: () => Promise<Called>): Promise<string> {
    const { status, body } = await asked();
    return status < 300 ? "done" : `refused (${String(body.code)})`;
  }

  async function turnCards(to: string): Promise<string> {
    for (const { id } of (await sdk().customers.listPaymentMethods(who.stripeCustomer)).data)
      world.stripe.turnCard(id, to);
    return "done";
  }

  const acts: Readonly<Record<string, () => Promise<string>>> = {
    start: async () => {
      const interval = chance.isLucky(0.3) ? "year" : "month";
      const started = await act(who, { action: "start", tier: chance.pick(paidTiers), period: interval });
      if (started.status !== 201) return `refused (${String(started.body.code)})`;
      world.stripe.pay(/cs_[A-Za-z0-9_]+/.exec(String(started.body.url))?.[0] ?? "");
      return "done";
    },
    change: async () =>
      (await alive())
        ? ask(() => change(who, chance.pick(paidTiers), chance.isLucky(0.2) ? "year" : "month"))
        : "has none",
    "cancel, keep, pause or go on": async () =>
      ask(() => act(who, { action: chance.pick(["cancel", "keep", "pause", "unpause"]) })),
    "another card": async () => {
      const { id } = world.stripe.storeCard(who.stripeCustomer, { makeDefault: false });
      const { token } = await signInAgain(who);
      const made = await call("payment-methods", { json: { action: "default", id }, token });
      await made.afterwards;
      return String(made.status);
    },
    "start in the dashboard": async () =>
      (await alive())
        ? "has one"
        : attempt(() => subscribe(who, chance.pick(paidTiers), chance.isLucky(0.3) ? "year" : "month")),
    "change in the dashboard": async () => {
      const subscription = await alive();
      const [item] = subscription?.items.data ?? [];
      if (!subscription || !item) return "has none";
      const price = await priceOf(chance.pick(paidTiers), chance.isLucky(0.2) ? "year" : "month");
      return attempt(() =>
        sdk().subscriptions.update(subscription.id, {
          items: [{ id: item.id, price }],
          proration_behavior: "always_invoice",
          payment_behavior: "error_if_incomplete",
        }),
      );
    },
    "cancel or keep in the dashboard": async () => {
      const subscription = await alive();
      if (!subscription) return "has none";
      return attempt(() =>
        sdk().subscriptions.update(subscription.id, {
          cancel_at_period_end: !subscription.cancel_at_period_end,
        }),
      );
    },
    "pause or go on in the dashboard": async () => {
      const subscription = await alive();
      if (!subscription) return "has none";
      const pause = subscription.pause_collection === null ? { behavior: "void" as const } : "";
      return attempt(() => sdk().subscriptions.update(subscription.id, { pause_collection: pause }));
    },
    "end at once": async () => {
      const subscription = await alive();
      if (!subscription || chance.isLucky(0.7)) return "not now";
      return attempt(() => sdk().subscriptions.cancel(subscription.id));
    },
    "the cards decline": () => turnCards("4000000000000341"),
    "the cards pay": () => turnCards("4242424242424242"),
    "buy a pack": async () => {
      const { completed } = await paidPurchase(world, await signInAgain(who), {
        pack: "starter",
        deliverTo: "wallet",
      });
      await deliver(completed);
      news();
      bought += 100;
      return "done";
    },
    spend: async () => {
      const { token } = await signInAgain(who);
      const id = `use-${seed}-${done.length}`;
      const answer = await call("usage", {
        token,
        json: { events: [{ id, meter: "ai_action", units: 10 }] },
      });
      const { chargedMillis } = answer.body.results[0];
      spent += chargedMillis / 1_000;
      const { tier } = await standing(who);
      const price = tiers.find((each) => each.id === tier)?.millisPerUnit ?? 0n;
      if (chargedMillis > 0) expect(chargedMillis).toBe(200 * Number(price));
      return "done";
    },
    "an invoice is refunded": () =>
      attempt(async () => {
        const { payment, paid_cents: paid } = chance.pick(await paymentsOf(who));
        world.stripe.refund(payment, { amount: chance.between(1, paid) });
      }),
    "a refund fails": () =>
      attempt(async () => {
        world.stripe.failRefund(chance.pick((await moneyBackOf(who)).refunds).id);
      }),
    "an invoice is disputed": () =>
      attempt(async () => {
        world.stripe.openDispute(chance.pick(await paymentsOf(who)).payment);
      }),
    "the bank decides": () =>
      attempt(async () => {
        const dispute = chance.pick((await moneyBackOf(who)).disputes);
        world.stripe.decideDispute(dispute.id, chance.isLucky(0.5) ? "won" : "lost");
      }),
    "days pass": async () => {
      await passTo(new Date(Date.now() + chance.between(1, 45) * DAY_MS));
      return "done";
    },
  };

  for (let taken = 0; taken < steps; taken += 1) {
    const name = chance.pick([...Object.keys(acts), "days pass", "days pass", "start"]);
    const step = acts[name];
    if (!step) throw new Error(name);
    done.push(`${new Date().toISOString().slice(0, 10)} ${name}: ${await step()}`);
    const events = news();
    // Some come late, and some not before the next step's.
    await bring(chance.isLucky(0.3) ? [...events].reverse() : events);
    vi.setSystemTime(Date.now() + 1_000);
    try {
      await hold();
    } catch (error) {
      throw new Error(`seed ${seed}:\n${done.join("\n")}`, { cause: error });
    }
  }
  return done;

  async function hold(): Promise<void> {
    const months = await granted(who);
    // What was granted once stays granted.
    expect(months.map(String)).toEqual(expect.arrayContaining([...known]));
    known = months.map(String);
    const { wallet = 0, frozen = 0, debt = 0 } = await balance(who);
    const { burned, ...back } = await taken(who);
    const ducats = months.reduce((sum, [, amount]) => sum + amount, 0);
    expect(wallet + frozen - debt).toBeCloseTo(bought + ducats - burned - spent, 6);
    expect(frozen).toBe(back.frozen);
    await holdShares(who);
    await agreesWithStripe();
    await booksBalance(world);
  }

  /** Dollars of invoices in the books are what invoices at Stripe were paid; nobody has a tier that nothing is paid for. */
  async function agreesWithStripe(): Promise<void> {
    const { data: invoices } = await sdk().invoices.list({ customer: who.stripeCustomer, limit: 100 });
    const paid = invoices.reduce((sum, invoice) => sum + invoice.amount_paid, 0);
    const [row] = await world.database.rows<{ booked: string }>(
      `select coalesce(sum(i.posted_cents), 0) as booked from subscription_invoices i
       join subscriptions s on s.id = i.subscription_id where s.account_id = $1`,
      [who.id],
    );
    expect(Number(row?.booked)).toBe(paid);
    await grantsWhatIsPaid(invoices);
    const subscription = await alive();
    const { tier } = await standing(who);
    if (!subscription || ["incomplete", "paused"].includes(subscription.status))
      expect(tier).toBe("explorer");
    else if (["active", "trialing"].includes(subscription.status) && subscription.pause_collection === null)
      expect(`cascade_tier_${tier}`).toBe(subscription.items.data[0]?.price.product);
  }

  /** Each paid month has its tier's ducats, a month that began within it reckoned in; and none has more than the dearest tier's. */
  async function grantsWhatIsPaid(invoices: readonly Stripe.Invoice[]): Promise<void> {
    const grants = await world.database.rows<{ subscription: string; start: Date; ducats: number }>(
      `select g.subscription_id as subscription, g.month_start as start, (g.millis / 1000)::int as ducats
       from grants g join subscriptions s on s.id = g.subscription_id where s.account_id = $1`,
      [who.id],
    );
    const around = (subscription: string, at: number, before: number, after: number) =>
      grants
        .filter((grant) => grant.subscription === subscription)
        .filter(({ start }) => start.getTime() > at - before && start.getTime() < at + after)
        .reduce((sum, { ducats }) => sum + ducats, 0);
    let paidMonths = 0;
    for (const { status, lines, parent: source } of invoices)
      for (const { period, subtotal, parent, pricing } of lines.data) {
        if (status !== "paid" || subtotal === 0 || parent?.subscription_item_details?.proration) continue;
        const isYear = period.end - period.start > 40 * 86_400;
        paidMonths += isYear ? 12 : 1;
        const tier = String(pricing?.price_details?.product).replace("cascade_tier_", "");
        const subscription = source?.subscription_details?.subscription;
        expect(
          around(idOf(subscription), period.start * 1_000, 31 * DAY_MS, 31 * DAY_MS),
        ).toBeGreaterThanOrEqual(grantOf.get(tier) ?? Infinity);
      }
    for (const { subscription, start } of grants)
      expect(around(subscription, start.getTime(), 25 * DAY_MS, 1)).toBeLessThanOrEqual(dearest);
    expect(grants.reduce((sum, { ducats }) => sum + ducats, 0)).toBeLessThanOrEqual(paidMonths * dearest);
  }
}
