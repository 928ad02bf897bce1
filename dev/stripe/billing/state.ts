/** What the stand-in knows of subscriptions, and by which settings of the account they are billed. */
import type { Stripe } from "stripe";
import { createCollection, type Collection } from "../collection.ts";
import type { TestCard } from "../payments/test-cards.ts";

/** The card behind a stored payment method. */
export type HeldCard = {
  readonly card: TestCard;
  /** Its holder has proved who they are when it was stored. */
  readonly proven: boolean;
};

/** What a customer was asked to pay for a subscription item over a time: credits for unused time are shares of it. */
export type Debit = {
  readonly amount: number;
  readonly start: number;
  readonly end: number;
  /** The line of an invoice that asked for it; it is not known while the debit waits for an invoice. */
  readonly line: { readonly invoice: string; readonly id: string } | undefined;
  readonly what: string;
  /** The pending invoice item that asks for it. */
  readonly pending: string | undefined;
};

export type BillingSettings = {
  /** Days between a failed attempt and the next one. */
  readonly retryDays: readonly number[];
  /** What becomes of the subscription when the last attempt has failed. */
  readonly afterRetries: "cancel" | "unpaid" | "past_due";
  /** So many days before a renewal comes `invoice.upcoming`. */
  readonly upcomingDays: number;
  /** So long a renewal's invoice stays a draft. */
  readonly draftSeconds: number;
};

const HOUR_SECONDS = 60 * 60;

const usualBilling: BillingSettings = {
  retryDays: [3, 5, 7],
  afterRetries: "cancel",
  upcomingDays: 7,
  draftSeconds: HOUR_SECONDS,
};

export type BillingState = {
  readonly subscriptions: Collection<Stripe.Subscription>;
  readonly schedules: Collection<Stripe.SubscriptionSchedule>;
  readonly invoices: Collection<Stripe.Invoice>;
  readonly invoiceItems: Collection<Stripe.InvoiceItem>;
  readonly invoicePayments: Collection<Stripe.InvoicePayment>;
  readonly discounts: Collection<Stripe.Discount>;
  readonly balances: Collection<Stripe.CustomerBalanceTransaction>;
  readonly setupIntents: Collection<Stripe.SetupIntent>;
  readonly clocks: Collection<Stripe.TestHelpers.TestClock>;
  readonly portalConfigurations: Collection<Stripe.BillingPortal.Configuration>;
  readonly portalSessions: Collection<Stripe.BillingPortal.Session>;
  readonly fraudWarnings: Collection<Stripe.Radar.EarlyFraudWarning>;
  /** By the payment method's id. */
  readonly cards: Map<string, HeldCard>;
  /** By the subscription item's id. */
  readonly debits: Map<string, Debit[]>;
  /** Which announcements were made, so that none is made twice. */
  readonly told: Set<string>;
  settings: BillingSettings;
};

export function createBillingState(settings: Partial<BillingSettings>): BillingState {
  return {
    subscriptions: createCollection(),
    schedules: createCollection(),
    invoices: createCollection(),
    invoiceItems: createCollection(),
    invoicePayments: createCollection(),
    discounts: createCollection(),
    balances: createCollection(),
    setupIntents: createCollection(),
    clocks: createCollection(),
    portalConfigurations: createCollection(),
    portalSessions: createCollection(),
    fraudWarnings: createCollection(),
    cards: new Map(),
    debits: new Map(),
    told: new Set(),
    settings: { ...usualBilling, ...settings },
  };
}
