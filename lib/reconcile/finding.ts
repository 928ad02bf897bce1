/** What may be wrong between Stripe, the books and Venice, one kind each, with the figures that say so. */
import type { Cents, Millis } from "../money.ts";

/** `id`: the kind and the business object; the same thing found again has the same one. */
export type Finding =
  /** Stripe has the money, the customer has no ducats for it. */
  | {
      readonly kind: "paid-not-credited";
      readonly id: string;
      readonly purchaseId: string;
      /** Null for an order that cost nothing: then `sessionId`. */
      readonly payment: string | null;
      readonly sessionId: string | null;
      readonly paidCents: Cents;
    }
  /** The customer has ducats, Stripe has no money for them. */
  | {
      readonly kind: "credited-not-paid";
      readonly id: string;
      readonly purchaseId: string;
      readonly payment: string | null;
      readonly creditedCents: Cents;
      /** In Stripe's words; null: Stripe doesn't know the payment. */
      readonly paymentStatus: string | null;
    }
  /**
   * `not_sent`: there is no delivery. `not_told`: one waits for a person who was never told. `not_paid`: the books say that
   * it arrived, and the purse still has it.
   */
  | {
      readonly kind: "credited-not-delivered";
      readonly id: string;
      readonly purchaseId: string | null;
      readonly deliveryId: string | null;
      readonly recordId: string | null;
      readonly why: "not_sent" | "not_told" | "not_paid";
      readonly millis: Millis;
    }
  /** A row beside the delivery's own was paid; `isReturned`: its ducats are back in the wallet as well. */
  | {
      readonly kind: "delivered-twice";
      readonly id: string;
      readonly purchaseId: string | null;
      readonly deliveryId: string;
      readonly recordId: string;
      readonly millis: Millis;
      readonly isReturned: boolean;
    }
  | {
      readonly kind: "amount-mismatch";
      readonly id: string;
      readonly purchaseId: string | null;
      readonly between:
        | {
            readonly what: "payment";
            readonly payment: string;
            readonly bookedCents: Cents;
            readonly paidCents: Cents;
            readonly currency: string;
          }
        | {
            readonly what: "delivery";
            readonly deliveryId: string;
            readonly recordId: string;
            readonly bookedMillis: Millis;
            readonly paidMillis: Millis;
          };
    }
  /** Money went back, or is taken back, and the ducats don't follow. */
  | {
      readonly kind: "refunded-not-reversed";
      readonly id: string;
      readonly purchaseId: string;
      readonly payment: string;
      /** What differs: Stripe's refunds and disputes; none when only the ducats are missing. */
      readonly objects: string[];
      readonly cents: Cents;
    }
  /** `movedMillis`: out of the purse, below zero into it. */
  | {
      readonly kind: "purse-moved-unexplained";
      readonly id: string;
      readonly explainedMillis: Millis;
      readonly purseMillis: Millis;
      readonly movedMillis: Millis;
    };
