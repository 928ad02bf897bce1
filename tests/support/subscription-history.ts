/** A random history of one subscriber: changes of tier, declines, packs and use, money that goes back; what must hold after each step. */
import type { Stripe } from "stripe";
import { expect, vi } from "vitest";
import { tiers, type TierId } from "../../lib/catalog/tiers.ts";
import { DAY_MS } from "../../lib/clock.ts";
import { useInvoiceReversals } from "./invoice-reversing.ts";
import { chanceOf } from "./random.ts";
import type { Subscribers } from "./subscribing.ts";
import { call } from "./call.ts";
import { booksBalance, deliver, paidPurchase, signInAgain, type World } from "./world.ts";

const paidTiers: readonly TierId[] = ["builder", "architect", "revolutionary"];
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
  const { sdk, subscriber, priceOf, subscribe, bring, passTo, standing, granted, news } = subscribers;
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

  const acts: Readonly<Record<string, () => Promise<string>>> = {
    start: async () =>
      (await alive())
        ? "has one"
        : attempt(() => subscribe(who, chance.pick(paidTiers), chance.isLucky(0.3) ? "year" : "month")),
    change: async () => {
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
    "cancel or keep": async () => {
      const subscription = await alive();
      if (!subscription) return "has none";
      return attempt(() =>
        sdk().subscriptions.update(subscription.id, {
          cancel_at_period_end: !subscription.cancel_at_period_end,
        }),
      );
    },
    "pause or go on": async () => {
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
    "the card declines": async () => {
      world.stripe.turnCard(who.card, "4000000000000341");
      await Promise.resolve();
      return "done";
    },
    "the card pays": async () => {
      world.stripe.turnCard(who.card, "4242424242424242");
      await Promise.resolve();
      return "done";
    },
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

  for (let step = 0; step < steps; step += 1) {
    const name = chance.pick([...Object.keys(acts), "days pass", "days pass", "start"]);
    const act = acts[name];
    if (!act) throw new Error(name);
    done.push(`${new Date().toISOString().slice(0, 10)} ${name}: ${await act()}`);
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
    for (const [, amount] of months) expect([...grantOf.values()]).toContain(amount);
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
    const months = new Set((await granted(who)).map(([month]) => month));
    for (const { status, lines } of invoices)
      for (const { period, subtotal, parent } of lines.data)
        if (status === "paid" && subtotal > 0 && !parent?.subscription_item_details?.proration)
          expect(months).toContain(new Date(period.start * 1_000).toISOString().slice(0, 10));
    const subscription = await alive();
    const { tier } = await standing(who);
    if (!subscription || ["incomplete", "paused"].includes(subscription.status))
      expect(tier).toBe("explorer");
    else if (["active", "trialing"].includes(subscription.status) && subscription.pause_collection === null)
      expect(`cascade_tier_${tier}`).toBe(subscription.items.data[0]?.price.product);
  }
}
