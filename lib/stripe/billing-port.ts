/** Subscriptions as their customers act on them: begun, changed, paid for. A write that isn't idempotent by itself carries a key; amounts are USD cents. */
import type { PriceRead } from "./port.ts";

export type PriceFound = PriceRead & { readonly amountCents: number };

export type StartRequest = {
  /** With the same parameters the same page comes back (24 hours). */
  readonly idempotencyKey: string;
  readonly startId: string;
  readonly customer: string;
  readonly price: string;
  /** 0 for none; a card is asked for in any case. */
  readonly trialDays: number;
  readonly successUrl: string;
  readonly cancelUrl: string;
  readonly expiresAt: Date;
};

export type StartOutcome =
  | { readonly kind: "opened"; readonly sessionId: string; readonly url: string | null }
  /** The pinned expiry is too near by now, and no page was ever made with this key. */
  | { readonly kind: "expiry_passed" }
  /** A page was made with this key for another price; nobody was given it. */
  | { readonly kind: "price_changed" }
  /** Stripe doesn't have this customer any more. */
  | { readonly kind: "customer_gone" };

export type PageEnd =
  { readonly kind: "expired" } | { readonly kind: "complete"; readonly subscription: string | null };

/** The way to a subscription. */
type Starts = {
  /** The same customer for the same key (24 hours). @throws Unavailable */
  makeCustomer(account: {
    readonly id: string;
    readonly email: string;
    readonly idempotencyKey: string;
  }): Promise<string>;
  /** The price that is named, or else the one with this lookup key. @throws Error when Stripe has none. @throws Unavailable */
  findPrice(price: { readonly named: string | undefined; readonly lookupKey: string }): Promise<PriceFound>;
  /** A payment page. @throws Unavailable (ask again with the same key). */
  openStart(request: StartRequest): Promise<StartOutcome>;
  /** Whether it can be paid still. @throws Unavailable */
  readStart(sessionId: string): Promise<PageEnd | { readonly kind: "open" }>;
  /** Makes sure that a page cannot be paid any more; idempotent. @throws Unavailable */
  endStart(sessionId: string): Promise<PageEnd>;
};

/** What a change is reckoned from. */
export type PlanRead = {
  readonly id: string;
  readonly status: string;
  /** Of its one item. */
  readonly item: string;
  readonly price: PriceRead;
  readonly interval: string;
  /** ISO 8601. */
  readonly periodEnd: string;
  readonly isEnding: boolean;
  /** Its invoices are not collected. */
  readonly isPaused: boolean;
  /** The last period's invoice was void, as a pause makes it: that period was not paid. */
  readonly isUnpaidFor: boolean;
  readonly schedule: string | null;
};

export type PlanChange = {
  readonly plan: PlanRead;
  readonly price: string;
  /** Seconds since 1970: prorations are reckoned as of then. */
  readonly prorationAt: number;
};

export type ChangeOutcome =
  | { readonly kind: "done" }
  /** Done; what was scheduled before could not be dropped, and still comes. */
  | { readonly kind: "done_schedule_left"; readonly reason: string }
  /** By the card or its bank; nothing was changed. `reason`: Stripe's, meant for the customer. */
  | { readonly kind: "declined"; readonly reason: string }
  /** By Stripe: what was asked for isn't possible any more. */
  | { readonly kind: "refused"; readonly reason: string };

/** `key`: the same for each retry of one change; each of its requests has a key of its own that begins so. */
type Changes = {
  /** As it is now. Null when Stripe doesn't have it. @throws Unavailable */
  readPlan(subscription: string): Promise<PlanRead | null>;
  /** What Stripe would ask for at once. Null when that time is not in the present period. @throws Unavailable */
  previewChange(change: PlanChange): Promise<number | null>;
  /** At once, and paid at once, or not at all; a change that was scheduled is dropped after it. @throws Unavailable */
  changeNow(change: PlanChange, key: string): Promise<ChangeOutcome>;
  /** At the period's end, in place of what was scheduled before. @throws Unavailable */
  changeLater(
    change: Omit<PlanChange, "prorationAt"> & { interval: string },
    key: string,
  ): Promise<ChangeOutcome>;
  /** Ends it with its period; a change that was scheduled is dropped first. @throws Unavailable */
  cancel(plan: PlanRead, key: string): Promise<ChangeOutcome>;
  /** Ends it at once; its open invoice is another call's. @throws Unavailable */
  cancelNow(plan: PlanRead, key: string): Promise<ChangeOutcome>;
  /** Undoes a cancellation and a scheduled change. @throws Unavailable */
  keep(plan: PlanRead, key: string): Promise<ChangeOutcome>;
  /** Invoices from now on are void. @throws Unavailable */
  pause(plan: PlanRead, key: string): Promise<ChangeOutcome>;
  /** Goes on; where the period was not paid for, a new one begins and is paid at once, or it stays paused. @throws Unavailable */
  unpause(plan: PlanRead, key: string): Promise<ChangeOutcome>;
};

/** Times are ISO 8601. */
export type InvoiceShown = {
  readonly id: string;
  /** Null before it is final. */
  readonly number: string | null;
  /** Stripe's. */
  readonly status: string;
  readonly totalCents: number;
  readonly dueCents: number;
  readonly paidCents: number;
  readonly createdAt: string;
  readonly periodStart: string;
  readonly periodEnd: string;
  readonly pageUrl: string | null;
  readonly pdfUrl: string | null;
};

export type InvoicePage =
  | { readonly kind: "read"; readonly invoices: readonly InvoiceShown[]; readonly next: string | null }
  | { readonly kind: "bad_cursor" };

export type CardShown = {
  readonly id: string;
  readonly brand: string;
  readonly last4: string;
  readonly expMonth: number;
  readonly expYear: number;
  /** The subscription's next invoice is charged to it. */
  readonly isDefault: boolean;
};

/** Whose cards: `subscription` is the live one, if any. */
export type CardHolder = { readonly customer: string; readonly subscription: string | null };

type Paying = {
  /** A page of Stripe's for cards and invoices. @throws Unavailable */
  openPortal(customer: string, returnUrl: string): Promise<string>;
  /** The newest first, after the invoice `after`. @throws Unavailable */
  listInvoices(customer: string, after: string | undefined): Promise<InvoicePage>;
  /** Where an open invoice is paid; null when it has no page. One short request, for showing alone. @throws Unavailable */
  invoicePage(invoice: string): Promise<string | null>;
  /** What comes next by time; null when nothing comes. One short request, for showing alone. @throws Unavailable */
  nextInvoice(subscription: string): Promise<{ readonly dueCents: number; readonly at: string } | null>;
  /** The customer's cards. @throws Unavailable */
  listCards(holder: CardHolder): Promise<readonly CardShown[]>;
  /** The customer's charges go to this card from now on, the subscription's among them; the same again is no change. @throws Unavailable */
  makeDefault(holder: CardHolder, card: string): Promise<void>;
  /** An open invoice can't be paid any more; one that isn't open stays as it is. @throws Unavailable */
  voidInvoice(invoice: string): Promise<void>;
  /** Where a subscription has a card of its own, that becomes its customer's. The same again is no change. @throws Unavailable */
  adoptCard(subscription: string): Promise<void>;
  /** Removes a card; one that is gone is removed. @throws Unavailable */
  removeCard(card: string): Promise<void>;
};

export type Billing = Starts & Changes & Paying;
