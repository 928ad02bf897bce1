/** What we ask Stripe of promotion codes: beside the port of payments, because only orders with a code need it. */
import type { Cents } from "../money.ts";

/** A promotion code with its coupon, as far as one payment is concerned. */
export type PromotionCode = {
  /** `promo_…`. */
  readonly id: string;
  readonly off:
    | { readonly kind: "percent"; readonly hundredths: bigint }
    | { readonly kind: "amount"; readonly cents: Cents; readonly currency: string };
  readonly minimum: { readonly cents: Cents; readonly currency: string } | null;
  readonly firstPurchaseOnly: boolean;
  /** The only customer (`cus_…`) who may use it; null for everybody. */
  readonly customerId: string | null;
  readonly state: "active" | "used_up" | "over";
};

export type PromotionCodes = {
  /**
   * The codes with this text, whatever its case: the active ones (a text may be several customers' own), or, when none is,
   * those that were. @throws Unavailable
   */
  find(text: string): Promise<readonly PromotionCode[]>;
};
