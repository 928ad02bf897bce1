/** The lines of an invoice: what a subscription is billed for in advance, and what waited to be billed. */
import type { Stripe } from "stripe";
import { shown } from "../objects/money.ts";
import { onTheWire } from "../objects/prices.ts";
import { idOf } from "../reference.ts";
import type { World } from "../world.ts";

/** What one subscription item costs over a time. */
export type Charged = {
  readonly item: Stripe.SubscriptionItem;
  readonly amount: number;
  readonly start: number;
  readonly end: number;
  readonly trial: boolean;
};

export function amountOf(price: Stripe.Price, quantity: number | undefined): number {
  return (price.unit_amount ?? 0) * (quantity ?? 1);
}

/** What the customer reads as the thing's name. */
export function nameOf(world: World, price: Stripe.Price): string {
  return world.products.get(idOf(price.product))?.name ?? idOf(price.product);
}

export function chargedLine(world: World, invoice: string, charged: Charged): Stripe.InvoiceLineItem {
  const { item, amount, start, end } = charged;
  return {
    ...common(world, invoice, item.price),
    amount,
    currency: item.price.currency,
    description: charged.trial ? `Trial period for ${nameOf(world, item.price)}` : priced(world, item),
    discountable: true,
    metadata: { ...item.metadata },
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration: false,
        proration_details: { credited_items: null },
        subscription: item.subscription,
        subscription_item: item.id,
      },
      type: "subscription_item_details",
    },
    period: { end, start },
    quantity: item.quantity ?? 1,
    quantity_decimal: onTheWire(item.quantity ?? 1),
    subscription: item.subscription,
    subtotal: amount,
  };
}

/** A pending invoice item, on the invoice that takes it. */
export function pendingLine(
  world: World,
  invoice: string,
  pending: Stripe.InvoiceItem,
  price: Stripe.Price | undefined,
): Stripe.InvoiceLineItem {
  const details = pending.parent?.subscription_details ?? null;
  const credited = pending.proration_details?.credited_items?.invoice_line_item_details ?? null;
  return {
    ...common(world, invoice, price),
    amount: pending.amount,
    currency: pending.currency,
    description: pending.description,
    discountable: pending.discountable,
    metadata: { ...pending.metadata },
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: pending.id,
        proration: pending.proration,
        proration_details: { credited_items: credited },
        subscription: details?.subscription ?? null,
        subscription_item: details?.subscription_item ?? "",
      },
      type: "subscription_item_details",
    },
    period: pending.period,
    quantity: pending.quantity,
    quantity_decimal: pending.quantity_decimal,
    subscription: details?.subscription ?? null,
    subtotal: pending.amount,
  };
}

function priced(world: World, item: Stripe.SubscriptionItem): string {
  const { unit_amount: amount, currency, recurring } = item.price;
  const every = recurring && recurring.interval_count > 1 ? `${recurring.interval_count} ` : "";
  const rate = `${shown(amount ?? 0, currency)} / ${every}${recurring?.interval ?? "month"}${every === "" ? "" : "s"}`;
  return `${item.quantity ?? 1} × ${nameOf(world, item.price)} (at ${rate})`;
}

function common(world: World, invoice: string, price: Stripe.Price | undefined) {
  const pricing: Stripe.InvoiceLineItem.Pricing | null = price
    ? {
        price_details: { price: price.id, product: idOf(price.product) },
        type: "price_details",
        unit_amount_decimal: onTheWire(price.unit_amount ?? 0),
      }
    : null;
  return {
    id: world.id("il_1", 23),
    object: "line_item" as const,
    discount_amounts: [],
    discounts: [],
    invoice,
    livemode: false as const,
    pretax_credit_amounts: [],
    pricing,
    taxes: [],
  };
}
