/** Promotion codes at Stripe: found by their text, and why Stripe does not take one. */
import type StripeSdk from "stripe";
import { cents } from "../money.ts";
import { expectObject } from "./answers.ts";
import type { PromotionRefusal } from "./port.ts";
import type { PromotionCode } from "./promotion-codes-port.ts";

/** More than one text has in a shop that does not give each customer a code of the same name. */
const limit = 100;

export async function findPromotionCodes(
  sdk: StripeSdk,
  text: string,
  onTrip: () => void,
): Promise<readonly PromotionCode[]> {
  const active = await list(sdk, { code: text, active: true }, onTrip);
  // Only who is refused waits for the second look, which tells a code that is over from one that never was.
  return active.length > 0 ? active : await list(sdk, { code: text }, onTrip);
}

async function list(
  sdk: StripeSdk,
  filter: { readonly code: string; readonly active?: boolean },
  onTrip: () => void,
): Promise<PromotionCode[]> {
  onTrip();
  const answer = await sdk.promotionCodes.list({ ...filter, limit, expand: ["data.promotion.coupon"] });
  expectObject(answer, "list");
  return answer.data.flatMap((code) => {
    const { coupon } = code.promotion;
    return typeof coupon === "object" && coupon !== null ? [read(code, coupon)] : [];
  });
}

function read(code: StripeSdk.PromotionCode, coupon: StripeSdk.Coupon): PromotionCode {
  const { first_time_transaction: firstPurchaseOnly, minimum_amount: minimum } = code.restrictions;
  const currency = code.restrictions.minimum_amount_currency ?? "";
  return {
    id: code.id,
    off:
      coupon.amount_off !== null
        ? { kind: "amount", cents: cents(BigInt(coupon.amount_off)), currency: coupon.currency ?? "" }
        : // Two decimals are all that Stripe keeps of a percentage.
          { kind: "percent", hundredths: BigInt(Math.round((coupon.percent_off ?? 0) * 100)) },
    minimum: minimum === null ? null : { cents: cents(BigInt(minimum)), currency },
    firstPurchaseOnly,
    customerId: typeof code.customer === "object" ? (code.customer?.id ?? null) : code.customer,
    state: code.active && coupon.valid ? "active" : isUsedUp(code) || isUsedUp(coupon) ? "used_up" : "over",
  };
}

function isUsedUp(of: { readonly max_redemptions: number | null; readonly times_redeemed: number }): boolean {
  return of.max_redemptions !== null && of.times_redeemed >= of.max_redemptions;
}

/** Stripe tells most of these apart by their message alone: what is not known here is said in general. */
export function refusalOfPromotion({
  code,
  message,
}: {
  readonly code?: string | undefined;
  readonly message: string;
}): PromotionRefusal {
  const said = `${code ?? ""} ${message}`;
  if (/prior transactions/i.test(said)) return "promotion_first_purchase_only";
  if (/used.up|max_redemptions|maximum number/i.test(said)) return "promotion_used_up";
  if (/expired|inactive/i.test(said)) return "promotion_expired";
  if (/minimum amount|amount_insufficient/i.test(said)) return "promotion_below_minimum";
  if (/no such|another customer/i.test(said)) return "promotion_unknown";
  return "promotion_not_usable";
}
