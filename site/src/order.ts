/** The order in hand: its quote and its Idempotency-Key outlive retries, a double click and leaving, and then it is forgotten. */
import type { Order } from "./api.ts";
import { integer, oneOf, optional, record, text, type Guard } from "./guards.ts";
import { quoteShape, type Quote } from "./wire.ts";

export type Offer = {
  readonly quote: Quote;
  readonly key: string;
  /** By this browser's clock, which may be another than ours. */
  readonly until: string;
};

export type OrderInHand = {
  readonly order: Order;
  /** Not there yet while its buyer signs in. */
  readonly offer: Offer | undefined;
  /** Known once a payment page was opened for it. */
  readonly purchaseId: string | undefined;
  readonly expiresAt: string | undefined;
};

const storageKey = "cascade.order";
const deliverTo = oneOf("venice", "wallet");
const always = { deliverTo, promotionCode: optional(text) };
const packOrder = record({ pack: text, ...always });
const customOrder = record({ amountCents: integer, ...always });
const order: Guard<Order> = (value): value is Order => packOrder(value) || customOrder(value);
const offer = record({ quote: quoteShape, key: text, until: text });
const inHand = record({
  order,
  offer: optional(offer),
  purchaseId: optional(text),
  expiresAt: optional(text),
});

/**
 * The known order when it is the same one and still good: its payment page lives, or its quote holds. Another order, or a
 * later one, gets a quote and a key of its own.
 */
export function goodStill(order: Order, known: OrderInHand | undefined, now: Date): OrderInHand | undefined {
  if (!known?.offer || !sameOrder(known.order, order)) return undefined;
  return new Date(known.expiresAt ?? known.offer.until) > now ? known : undefined;
}

function sameOrder(one: Order, other: Order): boolean {
  if (one.deliverTo !== other.deliverTo || one.promotionCode !== other.promotionCode) return false;
  if ("pack" in one) return "pack" in other && one.pack === other.pack;
  return "amountCents" in other && one.amountCents === other.amountCents;
}

export function remembered(): OrderInHand | undefined {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? "null");
    return inHand(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function remember(value: OrderInHand): void {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(value));
  } catch {
    // A browser that stores nothing still buys; only a retry after leaving the page opens a second order.
  }
}

export function forget(): void {
  try {
    sessionStorage.removeItem(storageKey);
  } catch {
    // Nothing was stored.
  }
}
