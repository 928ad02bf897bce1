/** What Stripe keeps of what has happened, to be read again: nothing here changes anything. Amounts are USD cents. */
import type { VerifiedEvent } from "./port.ts";

/** Of objects made from `from` up to, and without, `to`, in seconds since 1970. */
export type Span = { readonly from: number; readonly to: number };

/** Stripe lists the newest first; what is made meanwhile moves no page. */
export type Page<Item> = { readonly items: readonly Item[]; readonly hasMore: boolean };

export type BalanceTransaction = {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly type: string;
  /** Stripe's reporting category: it tells a dispute from another adjustment. */
  readonly category: string;
  readonly source: string | null;
  /** The PaymentIntent whose money it is. */
  readonly payment: string | null;
  readonly amountCents: number;
  readonly feeCents: number;
  readonly currency: string;
};

export type StripeHistory = {
  /**
   * A hundred events of these types (at most 20), as Stripe wrote them: in the account's API version, which need not be
   * ours. Stripe keeps them for 30 days. `after`: the last id of the page before. @throws Unavailable
   */
  events(types: readonly string[], span: Span, after: string | null): Promise<Page<VerifiedEvent>>;
  /** Null when Stripe doesn't have it (any more). @throws Unavailable */
  event(id: string): Promise<VerifiedEvent | null>;
  /**
   * The object that an event tells of, as it is now and in our API version; a session with its PaymentIntent in it. Null for a
   * kind that no fact is made of, or when Stripe doesn't have it. @throws Unavailable
   */
  current(object: unknown): Promise<{ readonly object: unknown; readonly livemode: boolean } | null>;
  /** A hundred balance transactions. @throws Unavailable */
  balance(span: Span, after: string | null): Promise<Page<BalanceTransaction>>;
};
