/** What a promotion code takes off an order, reckoned as Stripe will reckon it, or why it takes off nothing. */
import { cents, type Cents } from "../money.ts";
import type { PromotionRefusal } from "../stripe/port.ts";
import type { PromotionCode, PromotionCodes } from "../stripe/promotion-codes-port.ts";

/** A discount that an order is pinned with. */
export type Discount = {
  /** Stripe's id of the code. */
  readonly promotionCode: string;
  readonly discountCents: Cents;
  readonly firstPurchaseOnly: boolean;
};

export type DiscountOutcome =
  | { readonly kind: "granted"; readonly discount: Discount }
  | { readonly kind: Exclude<PromotionRefusal, "promotion_below_minimum"> }
  /** The minimum is null where Stripe alone knows it. */
  | { readonly kind: "promotion_below_minimum"; readonly minimumCents: Cents | null }
  /** Something is left to pay, and less than Stripe charges. */
  | { readonly kind: "promotion_leaves_too_little"; readonly netCents: Cents };

export type Buyer = {
  /** Who he is at Stripe, once he has paid. */
  readonly stripeCustomer: string | null;
  /** Has paid, or has a page open at a first purchase's price. */
  readonly hasBought: boolean;
};

/** Stripe's least charge in US dollars. Nothing at all can be had, too: then there is no charge. */
const leastChargeCents = cents(50n);

/** Asks Stripe for the code. @throws Unavailable */
export async function findDiscount(
  promotionCodes: PromotionCodes,
  text: string,
  priceCents: Cents,
  buyer: Buyer,
): Promise<DiscountOutcome> {
  return discountOf(await promotionCodes.find(text), priceCents, buyer);
}

/** Pure: of the codes with one text, the buyer's own comes before everybody's. */
export function discountOf(
  found: readonly PromotionCode[],
  priceCents: Cents,
  { stripeCustomer, hasBought }: Buyer,
): DiscountOutcome {
  const code =
    found.find(({ customerId }) => customerId !== null && customerId === stripeCustomer) ??
    found.find(({ customerId }) => customerId === null);
  // Somebody else's is not told from one that isn't there.
  if (!code) return { kind: "promotion_unknown" };
  if (code.state === "used_up") return { kind: "promotion_used_up" };
  if (code.state === "over") return { kind: "promotion_expired" };
  const { off, minimum } = code;
  if ((off.kind === "amount" && off.currency !== "usd") || (minimum && minimum.currency !== "usd"))
    return { kind: "promotion_not_usable" };
  if (code.firstPurchaseOnly && hasBought) return { kind: "promotion_first_purchase_only" };
  if (minimum && priceCents < minimum.cents)
    return { kind: "promotion_below_minimum", minimumCents: minimum.cents };
  const discountCents = centsOff(off, priceCents);
  const netCents = cents(priceCents - discountCents);
  if (netCents > 0n && netCents < leastChargeCents) return { kind: "promotion_leaves_too_little", netCents };
  return {
    kind: "granted",
    discount: { promotionCode: code.id, discountCents, firstPurchaseOnly: code.firstPurchaseOnly },
  };
}

/** Half a cent up; an amount takes off no more than there is. */
export function centsOff(off: PromotionCode["off"], priceCents: Cents): Cents {
  if (off.kind === "amount") return off.cents < priceCents ? off.cents : priceCents;
  return cents((priceCents * off.hundredths + 5_000n) / 10_000n);
}
