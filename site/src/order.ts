/** The order in hand: its Idempotency-Key outlives retries, a double click and signing in, and then it is forgotten. */
import type { Order } from "./api.ts";
import { integer, oneOf, optional, record, text, type Guard } from "./guards.ts";

export type OrderInHand = {
  readonly order: Order;
  readonly key: string;
  /** Known once a payment page was opened for it. */
  readonly purchaseId: string | undefined;
  readonly expiresAt: string | undefined;
};

const storageKey = "cascade.order";
const deliverTo = oneOf("venice", "wallet");
const packOrder = record({ pack: text, deliverTo });
const customOrder = record({ amountCents: integer, deliverTo });
const order: Guard<Order> = (value): value is Order => packOrder(value) || customOrder(value);
const inHand = record({ order, key: text, purchaseId: optional(text), expiresAt: optional(text) });

/** The same order keeps its key while its payment page lives; another order, or a later one, gets its own. */
export function keyed(
  order: Order,
  known: OrderInHand | undefined,
  now: Date,
  newKey: () => string,
): OrderInHand {
  const lives = known?.expiresAt === undefined || new Date(known.expiresAt) > now;
  if (known && lives && sameOrder(known.order, order)) return known;
  return { order, key: newKey(), purchaseId: undefined, expiresAt: undefined };
}

function sameOrder(one: Order, other: Order): boolean {
  if (one.deliverTo !== other.deliverTo) return false;
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
