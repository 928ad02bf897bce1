/** What we ask of Stripe. Every write carries an idempotency key; amounts are USD cents. */
import type { Cents } from "../money.ts";

export type SessionRequest = {
  /** `<purchase>-<attempt>`: with the same parameters the same session comes back (24 hours). */
  readonly idempotencyKey: string;
  readonly purchaseId: string;
  /** What is charged, the discount off. */
  readonly amountCents: Cents;
  readonly discountCents: Cents;
  /** Stripe's id of the code whose discount it is. */
  readonly promotionCode: string | null;
  readonly productId: string;
  readonly description: string;
  readonly customerEmail: string;
  readonly customerId: string | null;
  readonly successUrl: string;
  readonly cancelUrl: string;
  readonly expiresAt: Date;
};

/** `amountCents`: what Stripe will charge. */
export type Session = {
  readonly id: string;
  readonly url: string | null;
  readonly amountCents: number | null;
};

/** Why Stripe does not take a promotion code that it was asked to take. */
export type PromotionRefusal =
  | "promotion_unknown"
  | "promotion_expired"
  | "promotion_used_up"
  | "promotion_first_purchase_only"
  | "promotion_below_minimum"
  | "promotion_not_usable";

export type CreateOutcome =
  | { readonly kind: "created"; readonly session: Session }
  /** The pinned expiry is too near by now, and no session was ever made with this key. */
  | { readonly kind: "expiry_passed" }
  /** Stripe doesn't have the customer any more. */
  | { readonly kind: "customer_gone" }
  | { readonly kind: "promotion_refused"; readonly reason: PromotionRefusal };

export type ExpireOutcome = "expired" | "complete";

/** A verified event, still as Stripe wrote it. */
export type VerifiedEvent = {
  readonly id: string;
  readonly type: string;
  readonly apiVersion: string | null;
  readonly livemode: boolean;
  /** Seconds since 1970. */
  readonly created: number;
  readonly object: unknown;
  readonly payload: unknown;
};

/** What Stripe says of one payment, as a whole. */
export type PaymentRead = {
  readonly payment: string;
  /** From metadata: it helps to find the purchase, whose own row judges. */
  readonly purchaseId: string | null;
  readonly refunds: readonly RefundRead[];
  readonly disputes: readonly DisputeRead[];
};

export type RefundRead = {
  readonly id: string;
  readonly amountCents: number;
  readonly status: string;
  /** Ours, from metadata. */
  readonly requestId: string | null;
  readonly failure: string | null;
  readonly createdAt: string;
};

export type DisputeRead = {
  readonly id: string;
  readonly amountCents: number;
  readonly status: string;
  readonly reason: string;
  readonly evidenceDueAt: string | null;
  readonly createdAt: string;
};

export type PriceRead = { readonly id: string; readonly product: string };

/** Times are ISO 8601. */
export type SubscriptionRead = {
  readonly id: string;
  readonly customer: string;
  readonly livemode: boolean;
  readonly status: string;
  readonly price: PriceRead;
  readonly interval: string;
  readonly periodStart: string;
  readonly periodEnd: string;
  readonly startedAt: string;
  readonly trialEnd: string | null;
  readonly cancelAt: string | null;
  readonly endedAt: string | null;
  /** Stripe's: `payment_failed`, say. */
  readonly endReason: string | null;
  /** Its invoices are not collected. */
  readonly paused: boolean;
  /** It is charged to that, whatever its customer's is. */
  readonly hasOwnCard: boolean;
  readonly next: { readonly price: PriceRead; readonly interval: string; readonly at: string } | null;
  /** The latest. */
  readonly invoices: readonly InvoiceRead[];
};

export type InvoiceRead = {
  readonly id: string;
  readonly status: string;
  readonly reason: string;
  readonly currency: string;
  readonly dueCents: number;
  /** Through Stripe. */
  readonly paidCents: number;
  /** What it is for; null where it is for a change alone. `amountCents`: before any discount. */
  readonly line: {
    readonly price: PriceRead;
    readonly start: string;
    readonly end: string;
    readonly amountCents: number;
  } | null;
  readonly attempts: number;
  /** The bank wants to hear from its customer: no decline. */
  readonly needsAction: boolean;
  readonly payment: string | null;
  readonly createdAt: string;
  readonly paidAt: string | null;
};

export type RefundOrder = {
  /** Also the idempotency key: with the same amount the same refund comes back (24 hours). */
  readonly requestId: string;
  readonly payment: string;
  readonly amountCents: Cents;
};

export type RefundOutcome =
  | { readonly kind: "made"; readonly refund: RefundRead }
  | { readonly kind: "refused"; readonly reason: string };

export type InvoicePayment = {
  readonly invoiceId: string;
  readonly paymentMethod: string;
  /** The idempotency key: the same for each try of this card on this invoice. */
  readonly key: string;
};

export type PayOutcome =
  /** By this call, or before it. */
  { readonly kind: "paid" } | { readonly kind: "refused"; readonly reason: string };

export type Stripe = {
  /** @throws Unavailable (ask again with the same key). */
  createSession(request: SessionRequest): Promise<CreateOutcome>;
  /** Makes sure a session cannot be paid any more; idempotent. @throws Unavailable */
  expireSession(sessionId: string): Promise<ExpireOutcome>;
  /** Checks signature and age (300 s) on the raw body; null when either is wrong. No round trip. */
  verifyEvent(rawBody: string, signature: string): Promise<VerifiedEvent | null>;
  /** As it is now, in three requests. Null when Stripe doesn't have it. @throws Unavailable */
  readPayment(payment: string): Promise<PaymentRead | null>;
  /** As it is now, in two requests, and one more for each invoice that is due. Null when Stripe doesn't have it. @throws Unavailable */
  readSubscription(id: string): Promise<SubscriptionRead | null>;
  /** An invoice that is paid is never paid again, with whatever key. @throws Unavailable (ask again with the same key) */
  payInvoice(payment: InvoicePayment): Promise<PayOutcome>;
  /** @throws Unavailable (ask again with the same id, after a look). */
  createRefund(order: RefundOrder): Promise<RefundOutcome>;
  /** The API version our SDK speaks: events of another are not interpreted. */
  apiVersion(): Promise<string>;
};
