/** What Stripe's events on subscriptions have led to: invoices, charges, alerts, ledgers. */
import { idOf } from "../../../dev/stripe/reference.ts";
import type { Subscriber, Subscribers } from "../../support/subscribing.ts";
import { deliver, type StripeEvent, type World } from "../../support/world.ts";

export function useTold(world: World, { sdk }: Pick<Subscribers, "sdk">) {
  async function latestInvoice(subscription: string) {
    const [invoice] = (await sdk().invoices.list({ subscription, expand: ["data.payments"] })).data;
    if (!invoice) throw new Error(`${subscription} has no invoice`);
    const payment = idOf(invoice.payments?.data[0]?.payment.payment_intent);
    return { id: invoice.id, status: invoice.status, payment };
  }

  function chargesOf(marco: Subscriber, status: string): number {
    return world.stripe.world.charges
      .oldestFirst()
      .filter((charge) => idOf(charge.customer) === marco.stripeCustomer && charge.status === status).length;
  }

  async function alertsOf(kind: string) {
    return await world.database.rows<{ subject: string; message: string; open: boolean }>(
      "select subject, message, closed_at is null as open from alerts where kind = $1 order by id",
      [kind],
    );
  }

  async function ledger(name: string): Promise<number> {
    const [row] = await world.database.rows<{ cents: string }>(
      "select coalesce(sum(amount), 0)::text as cents from trial_balance where ledger = $1",
      [name],
    );
    return Number(row?.cents);
  }

  return { latestInvoice, chargesOf, alertsOf, ledger };
}

/** Delivers one after the other. */
export async function outcomesOf(events: readonly object[]): Promise<string[]> {
  const outcomes: string[] = [];
  for (const event of events) outcomes.push((await deliver(event)).body.outcome);
  return outcomes;
}

/** The same said under another id. */
export function again(event: StripeEvent): StripeEvent {
  return { ...event, id: `${event.id}_again` };
}
