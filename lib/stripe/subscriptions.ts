/** A subscription at Stripe as it is now, with its latest invoices. */
import type StripeSdk from "stripe";
import { expectObject, idOf, isoOf } from "./answers.ts";
import { found } from "./read-history.ts";
import type { InvoiceRead, PriceRead, SubscriptionRead } from "./port.ts";

/** Two years of months: what is older has been read before. */
const invoicesRead = 24;

/** Null when Stripe doesn't have it. */
export async function readSubscription(
  sdk: StripeSdk,
  id: string,
  onTrip: () => void,
): Promise<SubscriptionRead | null> {
  onTrip();
  onTrip();
  const [subscription, invoices] = await Promise.all([
    found(() => sdk.subscriptions.retrieve(id, { expand: ["schedule.phases.items.price"] })),
    sdk.invoices.list({ subscription: id, limit: invoicesRead, expand: ["data.payments"] }),
  ]);
  if (subscription === null) return null;
  expectObject(subscription, "subscription");
  expectObject(invoices, "list");
  const [item] = subscription.items.data;
  if (!item) throw new Error(`subscription ${id} has no item`);
  const reads: InvoiceRead[] = [];
  for (const invoice of invoices.data) reads.push(await invoiceRead(sdk, invoice, onTrip));
  return {
    id,
    customer: idOf(subscription.customer),
    livemode: subscription.livemode,
    status: subscription.status,
    price: priceRead(item.price),
    interval: intervalOf(item.price),
    periodStart: isoOf(item.current_period_start),
    periodEnd: isoOf(item.current_period_end),
    startedAt: isoOf(subscription.start_date),
    trialEnd: isoOrNull(subscription.trial_end),
    cancelAt: isoOrNull(subscription.cancel_at),
    endedAt: isoOrNull(subscription.ended_at),
    endReason: subscription.cancellation_details?.reason ?? null,
    paused: subscription.pause_collection !== null,
    hasOwnCard: subscription.default_payment_method !== null,
    next: nextOf(subscription.schedule, item.current_period_start),
    invoices: reads,
  };
}

async function invoiceRead(
  sdk: StripeSdk,
  invoice: StripeSdk.Invoice,
  onTrip: () => void,
): Promise<InvoiceRead> {
  const payments = invoice.payments?.data ?? [];
  const payment = (payments.find(({ status }) => status === "paid") ?? payments[0])?.payment.payment_intent;
  const isDue = invoice.status === "open" && invoice.attempt_count > 0;
  return {
    id: invoice.id,
    status: invoice.status ?? "draft",
    reason: invoice.billing_reason ?? "manual",
    currency: invoice.currency,
    dueCents: invoice.amount_due,
    // What was settled outside of Stripe never reaches its balance.
    paidCents: invoice.amount_paid - (invoice.amount_paid_off_stripe ?? 0),
    line: lineOf(invoice),
    attempts: invoice.attempt_count,
    needsAction: isDue && payment !== undefined && (await asksTheCustomer(sdk, idOf(payment), onTrip)),
    payment: payment === undefined ? null : idOf(payment),
    createdAt: isoOf(invoice.created),
    paidAt: isoOrNull(invoice.status_transitions.paid_at),
  };
}

/** Only while one is due: a declined card and one whose bank wants to see its owner look alike in the invoice. */
async function asksTheCustomer(sdk: StripeSdk, intent: string, onTrip: () => void): Promise<boolean> {
  onTrip();
  const read = await sdk.paymentIntents.retrieve(intent);
  expectObject(read, "payment_intent");
  return read.status === "requires_action";
}

/** What the invoice is for: the line of the subscription itself, not what a change added or took off. */
function lineOf(invoice: StripeSdk.Invoice): InvoiceRead["line"] {
  const line = invoice.lines.data.find(
    ({ parent }) =>
      parent?.type === "subscription_item_details" && !parent.subscription_item_details?.proration,
  );
  const details = line?.pricing?.price_details;
  if (!line || !details) return null;
  return {
    price: { id: idOf(details.price), product: details.product },
    start: isoOf(line.period.start),
    end: isoOf(line.period.end),
    amountCents: line.subtotal,
  };
}

/** What a schedule turns it into when its present phase is over. */
function nextOf(schedule: StripeSdk.Subscription["schedule"], periodStart: number): SubscriptionRead["next"] {
  if (schedule === null || typeof schedule === "string") return null;
  const phase = schedule.phases.find(({ start_date: start }) => start > periodStart);
  const price = phase?.items[0]?.price;
  if (!phase || typeof price !== "object" || price.deleted === true) return null;
  return { price: priceRead(price), interval: intervalOf(price), at: isoOf(phase.start_date) };
}

function priceRead(price: StripeSdk.Price): PriceRead {
  return { id: price.id, product: idOf(price.product) };
}

function intervalOf({ id, recurring }: StripeSdk.Price): string {
  if (!recurring) throw new Error(`price ${id} of a subscription doesn't recur`);
  return recurring.interval;
}

function isoOrNull(seconds: number | null): string | null {
  return seconds === null ? null : isoOf(seconds);
}
