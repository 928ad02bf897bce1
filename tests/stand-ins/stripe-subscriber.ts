/** What the tests of subscriptions share: two plans, a customer with a card, a test clock, and what must always hold. */
import type { Stripe } from "stripe";
import { expect } from "vitest";
import type { StripeOptions, StripeStandIn } from "../../dev/stripe/start.ts";
import { holds, start } from "./stripe-shop.ts";

export const DAY = 24 * 60 * 60;
export const HOUR = 60 * 60;

/** Seconds of a moment in UTC. */
export function at(text: string): number {
  return Date.parse(`${text.length === 10 ? `${text}T00:00:00` : text}Z`) / 1000;
}

export function day(seconds: number | null | undefined): string {
  return seconds === null || seconds === undefined
    ? "never"
    : new Date(seconds * 1000).toISOString().slice(0, 10);
}

export type Plans = {
  readonly basic: string;
  readonly pro: string;
  readonly yearly: string;
  readonly product: string;
  readonly proProduct: string;
};

/** Basic is $10.00, Pro $40.00 a month, or $400.00 a year. */
export async function plans(stripe: Stripe): Promise<Plans> {
  const price = async (product: string, amount: number, interval: "month" | "year", key: string) =>
    (
      await stripe.prices.create({
        currency: "usd",
        unit_amount: amount,
        recurring: { interval },
        product,
        lookup_key: key,
      })
    ).id;
  const product = (await stripe.products.create({ name: "Basic" })).id;
  const proProduct = (await stripe.products.create({ name: "Pro" })).id;
  return {
    product,
    proProduct,
    basic: await price(product, 1_000, "month", "basic_monthly"),
    pro: await price(proProduct, 4_000, "month", "pro_monthly"),
    yearly: await price(proProduct, 40_000, "year", "pro_yearly"),
  };
}

export type Subscriber = {
  readonly stripe: Stripe;
  readonly standIn: StripeStandIn;
  readonly plans: Plans;
  readonly customer: string;
  readonly method: string;
  readonly clock: string;
  /** Advances the customer's clock through the API, in steps it allows, and waits until it is ready. */
  readonly until: (to: number) => Promise<void>;
  readonly subscribe: (
    price: string,
    extra?: Partial<Stripe.SubscriptionCreateParams>,
  ) => Promise<Stripe.Subscription>;
  readonly types: (mark: number) => string[];
};

/** A customer with a card, on a test clock that stands at this moment. */
export async function subscriber(
  from: string,
  { card = "4242424242424242", options = {} }: { card?: string; options?: Partial<StripeOptions> } = {},
): Promise<Subscriber> {
  const { stripe, standIn } = await start(options);
  const made = await plans(stripe);
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: at(from), name: "test" });
  const customer = await stripe.customers.create({
    email: "marco@venice.test",
    name: "Marco",
    test_clock: clock.id,
  });
  const method = standIn.storeCard(customer.id, { card });
  return {
    stripe,
    standIn,
    plans: made,
    customer: customer.id,
    method: method.id,
    clock: clock.id,
    until: (to) => advance(stripe, clock.id, to),
    subscribe: (price, extra = {}) =>
      stripe.subscriptions.create({ customer: customer.id, items: [{ price }], ...extra }),
    types: (mark) => standIn.events.since(mark).map(({ type }) => type),
  };
}

async function advance(stripe: Stripe, clock: string, to: number): Promise<void> {
  const { frozen_time: now } = await stripe.testHelpers.testClocks.retrieve(clock);
  for (let next = Math.min(now + 50 * DAY, to); ; next = Math.min(next + 50 * DAY, to)) {
    expect((await stripe.testHelpers.testClocks.advance(clock, { frozen_time: next })).status).toBe(
      "advancing",
    );
    while ((await stripe.testHelpers.testClocks.retrieve(clock)).status !== "ready") {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    if (next === to) return;
  }
}

export async function latest(stripe: Stripe, subscription: string): Promise<Stripe.Invoice> {
  const [invoice] = (await stripe.invoices.list({ subscription, expand: ["data.payments"] })).data;
  if (!invoice) throw new Error(`${subscription} has no invoice`);
  return invoice;
}

/** The amounts of an invoice's lines, in order. */
export function amounts(invoice: Stripe.Invoice): number[] {
  return invoice.lines.data.map(({ amount }) => amount);
}

/**
 * What must hold after anything: shapes; the account's balance; invoices add up; a customer's balance is the sum of its
 * transactions; what invoices say was paid is what charges took.
 */
export async function balances(stripe: Stripe, standIn: StripeStandIn): Promise<void> {
  await holds(stripe, standIn);
  const { world } = standIn;
  for (const invoice of world.billing.invoices.oldestFirst()) {
    const sum = (parts: readonly number[]): number => parts.reduce((all, part) => all + part, 0);
    expect(sum(amounts(invoice))).toBe(invoice.subtotal);
    const off = sum((invoice.total_discount_amounts ?? []).map(({ amount }) => amount));
    expect(invoice.subtotal - off).toBe(invoice.total);
    expect(invoice.amount_due).toBe(invoice.amount_paid + invoice.amount_remaining);
    if (invoice.ending_balance !== null && invoice.status !== "draft") {
      expect(invoice.total - invoice.amount_due).toBe(invoice.ending_balance - invoice.starting_balance);
    }
  }
  for (const customer of world.customers.oldestFirst()) {
    const moved = world.billing.balances
      .oldestFirst()
      .filter((each) => each.customer === customer.id)
      .reduce((all, { amount }) => all + amount, 0);
    expect(customer.balance).toBe(moved);
  }
  const asked = world.billing.invoices
    .oldestFirst()
    .filter(({ status, amount_paid_off_stripe: off }) => status === "paid" && !off)
    .reduce((all, { amount_paid: paid }) => all + paid, 0);
  const intents = new Set(
    world.billing.invoicePayments.oldestFirst().map(({ payment }) => payment.payment_intent),
  );
  const taken = world.charges
    .oldestFirst()
    .filter(({ payment_intent: intent, status }) => status === "succeeded" && intents.has(intent ?? ""))
    .reduce((all, { amount }) => all + amount, 0);
  expect(taken).toBe(asked);
}
