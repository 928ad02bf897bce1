/** Prorations, to the second: credit for time that was asked for and is not used, a debit for the time that is left. */
import type { Stripe } from "stripe";
import { onTheWire } from "../objects/prices.ts";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";
import { reductionOf } from "./discounts.ts";
import { amountOf, nameOf } from "./lines.ts";
import { shareOf } from "./share.ts";
import type { Debit } from "./state.ts";

export type Proration = {
  readonly subscription: Stripe.Subscription;
  readonly item: Stripe.SubscriptionItem;
  /** From this moment on. */
  readonly at: number;
};

/** One credit for each debit that reaches beyond the moment: what was asked for, not what it costs by now. */
export function creditUnused(world: World, cause: Cause, { subscription, item, at }: Proration): void {
  const debits = world.billing.debits.get(item.id) ?? [];
  const kept = debits.map((debit): Debit => {
    const from = Math.max(at, debit.start);
    const amount = shareOf(debit.amount, Math.max(0, debit.end - from), debit.end - debit.start);
    if (amount === 0) return debit;
    addPending(world, cause, {
      subscription,
      item,
      price: world.prices.get(debit.what) ?? item.price,
      amount: -amount,
      what: "Unused time on",
      at,
      period: { start: from, end: debit.end },
      credits: debit.line,
    });
    return { ...debit, amount: debit.amount - amount, end: from };
  });
  world.billing.debits.set(
    item.id,
    kept.filter((debit) => debit.end > debit.start),
  );
}

/** The item's price, less the subscription's discount, for the rest of its period. */
export function debitRemaining(world: World, cause: Cause, { subscription, item, at }: Proration): void {
  const { current_period_start: start, current_period_end: end } = item;
  const full = amountOf(item.price, item.quantity);
  const net = full - discountOn(world, subscription, item);
  const amount = shareOf(net, end - at, end - start);
  if (amount === 0) return;
  const pending = addPending(world, cause, {
    subscription,
    item,
    price: item.price,
    amount,
    what: "Remaining time on",
    at,
    period: { start: at, end },
    credits: undefined,
  });
  const debits = world.billing.debits.get(item.id) ?? [];
  const debit = { amount, start: at, end, line: undefined, what: item.price.id, pending: pending.id };
  world.billing.debits.set(item.id, [...debits, debit]);
}

/** The item's share of the subscription's discount. */
function discountOn(world: World, subscription: Stripe.Subscription, item: Stripe.SubscriptionItem): number {
  const items = subscription.items.data;
  const amounts = items.map((each) => amountOf(each.price, each.quantity));
  return reductionOf(world, subscription, amounts)?.shares[items.indexOf(item)] ?? 0;
}

type Pending = Proration & {
  readonly price: Stripe.Price;
  readonly amount: number;
  readonly what: "Unused time on" | "Remaining time on";
  readonly period: { readonly start: number; readonly end: number };
  readonly credits: Debit["line"];
};

function addPending(world: World, cause: Cause, pending: Pending): Stripe.InvoiceItem {
  const { subscription, item, price, amount } = pending;
  const quantity = item.quantity ?? 1;
  const count = quantity === 1 ? "" : `${quantity} × `;
  const made = world.billing.invoiceItems.add({
    id: world.id("ii_1", 23),
    object: "invoiceitem",
    amount,
    currency: subscription.currency,
    customer: idOf(subscription.customer),
    customer_account: null,
    date: world.seconds(),
    description: `${pending.what} ${count}${nameOf(world, price)} after ${dayOf(pending.at)}`,
    discountable: false,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: {},
    net_amount: amount,
    parent: {
      subscription_details: { subscription: subscription.id, subscription_item: item.id },
      type: "subscription_details",
    },
    period: { start: pending.period.start, end: pending.period.end },
    pricing: {
      price_details: { price: price.id, product: idOf(price.product) },
      type: "price_details",
      unit_amount_decimal: onTheWire(price.unit_amount ?? 0),
    },
    proration: true,
    proration_details: {
      credited_items: pending.credits
        ? {
            invoice_line_item_details: {
              invoice: pending.credits.invoice,
              invoice_line_items: [pending.credits.id],
            },
            type: "invoice_line_items",
          }
        : null,
      discount_amounts: [],
    },
    quantity,
    quantity_decimal: onTheWire(quantity),
    tax_rates: [],
    test_clock: subscription.test_clock,
  });
  world.emit(cause, "invoiceitem.created", made);
  return made;
}

/** `15 Jan 2026`. */
function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    timeZone: "UTC",
  });
}
