/** Invoices that are not made: what happens in a copy of the customer's part of the world does not happen here. */
import type { Stripe } from "stripe";
import { createCollection, type Collection } from "../collection.ts";
import { idOf } from "../reference.ts";
import type { World } from "../world.ts";
import { nextDue, passUntil, type NoticeOf } from "./agenda.ts";
import { hasEnded } from "./end.ts";
import { longest } from "./interval.ts";
import { everyOf } from "./subscription.ts";
import type { BillingState } from "./state.ts";

/** A world in which this customer alone lives, nothing is announced, and invoices are made and not collected. */
export function copyFor(world: World, customerId: string): World {
  const mine = ({ customer }: { customer: unknown }): boolean =>
    idOf(customer as string | null) === customerId;
  const { billing } = world;
  const subscriptions = some(billing.subscriptions, mine);
  const state: BillingState = {
    ...billing,
    subscriptions,
    schedules: some(billing.schedules, mine),
    invoices: some(billing.invoices, mine),
    invoiceItems: some(billing.invoiceItems, mine),
    discounts: some(billing.discounts, mine),
    balances: createCollection(),
    debits: new Map(billing.debits),
    told: new Set(billing.told),
  };
  return {
    ...world,
    customers: some(world.customers, ({ id }) => id === customerId),
    coupons: some(world.coupons, () => true),
    promotionCodes: some(world.promotionCodes, () => true),
    billing: state,
    preview: true,
    emit: (_, type, object) => ({
      id: "",
      object: "event",
      api_version: "",
      created: 0,
      data: { object: { ...object } },
      livemode: false,
      pending_webhooks: 0,
      request: { id: null, idempotency_key: null },
      type,
    }),
  };
}

function some<T extends { id: string }>(
  collection: Collection<T>,
  belongs: (object: T) => boolean,
): Collection<T> {
  const copied = createCollection<T>();
  for (const object of collection.oldestFirst()) if (belongs(object)) copied.add(structuredClone(object));
  return copied;
}

/** The invoice that comes next by time, as it will be; undefined when none comes. */
export function comingInvoice(world: World, subscription: Stripe.Subscription): Stripe.Invoice | undefined {
  const dry = copyFor(world, idOf(subscription.customer));
  const same = dry.billing.subscriptions.get(subscription.id);
  const coming = same && nextInvoice(dry, same);
  return coming && shownAsPreview(coming);
}

/** Nobody is told of what happens in a copy. */
const noNotice: NoticeOf = () => undefined;

/** In a copy of the world: lets time pass until the subscription has an invoice more. */
export function nextInvoice(dry: World, subscription: Stripe.Subscription): Stripe.Invoice | undefined {
  for (const other of dry.billing.subscriptions.oldestFirst()) {
    if (other !== subscription) dry.billing.subscriptions.remove(other.id);
  }
  const known = new Set(dry.billing.invoices.oldestFirst().map(({ id }) => id));
  // What is open already stays as it is: it is another invoice's turn.
  for (const id of known) dry.billing.invoices.remove(id);
  const last = dry.seconds() + 3 * longest(everyOf(subscription)) + 3 * 366 * 24 * 60 * 60;
  for (;;) {
    const made = dry.billing.invoices.newestFirst()[0];
    if (made) return made;
    if (hasEnded(subscription)) return undefined;
    const clock = subscription.test_clock === null ? null : idOf(subscription.test_clock);
    const at = nextDue(dry, clock, noNotice)?.at;
    if (at === undefined || at > last) return undefined;
    passUntil(dry, clock, at, noNotice);
  }
}

/** A preview says that it is one. */
export function shownAsPreview(invoice: Stripe.Invoice): Stripe.Invoice {
  const id = invoice.id.replace(/^in_/, "upcoming_in_");
  return {
    ...invoice,
    id,
    auto_advance: false,
    automatically_finalizes_at: null,
    billing_reason: "upcoming",
    lines: {
      ...invoice.lines,
      data: invoice.lines.data.map((line) => ({
        ...line,
        id: line.id.replace(/^il_/, "il_tmp_"),
        invoice: id,
      })),
      url: `/v1/invoices/${id}/lines`,
    },
    status: "draft",
    webhooks_delivered_at: null,
  };
}
