/** Stripe's lists of what was paid and what went back, for a comparison with the books: nothing here changes anything. USD cents. */
import type { DisputeRead, RefundRead } from "./port.ts";
import type { Page, Span } from "./history.ts";

/** A PaymentIntent, whoever it is of. */
export type ListedPayment = {
  readonly id: string;
  /** Seconds since 1970: when it was begun. */
  readonly created: number;
  /** When its money came; null while it has not. */
  readonly paidAt: number | null;
  /** From metadata: it helps to find the purchase, whose own row judges. */
  readonly purchaseId: string | null;
  readonly status: string;
  readonly receivedCents: number;
  readonly currency: string;
  readonly livemode: boolean;
  /** As an event would have it. */
  readonly object: unknown;
};

/** A Checkout Session that was completed; `isFree`: without a payment. */
export type ListedSession = {
  readonly id: string;
  readonly created: number;
  readonly purchaseId: string | null;
  readonly isFree: boolean;
  readonly currency: string | null;
  readonly livemode: boolean;
  readonly object: unknown;
};

export type ListedRefund = Pick<RefundRead, "id" | "amountCents" | "status" | "requestId"> & {
  readonly created: number;
  readonly payment: string | null;
};

export type ListedDispute = Pick<DisputeRead, "id" | "amountCents" | "status"> & {
  readonly created: number;
  readonly payment: string | null;
};

/** Pages of a hundred, by when they were made. Every method throws Unavailable. */
export type StripeLists = {
  payments(span: Span, after: string | null): Promise<Page<ListedPayment>>;
  /** Null when Stripe doesn't have it. */
  payment(id: string): Promise<ListedPayment | null>;
  sessions(span: Span, after: string | null): Promise<Page<ListedSession>>;
  refunds(span: Span, after: string | null): Promise<Page<ListedRefund>>;
  disputes(span: Span, after: string | null): Promise<Page<ListedDispute>>;
};
