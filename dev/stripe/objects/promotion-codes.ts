/** Promotion codes: what a customer types to get a coupon's discount. */
import type { Stripe } from "stripe";
import { customerNamed } from "../customers/find.ts";
import { invalid, missing, noSuch, noSuchIn } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { idOf } from "../reference.ts";
import { copy, type Cause, type World } from "../world.ts";
import { refuseBelowOne } from "./coupons.ts";
import { currencyOf } from "./money.ts";
import { isUsedUp, refuseFarFuture } from "./promotion-times.ts";

function create(world: World, cause: Cause, params: Stripe.PromotionCodeCreateParams): Stripe.PromotionCode {
  const coupon = couponOf(world, params.promotion.coupon);
  if (params.customer !== undefined) customerNamed(world, params.customer, "customer");
  const code = params.code ?? world.id("", 8).toUpperCase();
  if (!/^[a-zA-Z0-9\-_]+$/.test(code)) {
    throw invalid(
      `This value must match the regex pattern. (/\\A[a-zA-Z0-9\\-_]+\\z/ does not match for the value ${code}).`,
      { param: "code" },
    );
  }
  refuseTakenCode(world, code);
  if (params.expires_at !== undefined) refuseFarFuture(world, params.expires_at, "expires_at");
  refuseBelowOne(params.max_redemptions, "max_redemptions");
  const restrictions = restrictionsOf(params.restrictions);
  const made: Stripe.PromotionCode = {
    id: world.id("promo_1", 23),
    object: "promotion_code",
    active: params.active ?? true,
    code,
    created: world.seconds(),
    customer: params.customer ?? null,
    customer_account: null,
    expires_at: params.expires_at ?? null,
    livemode: false,
    max_redemptions: params.max_redemptions ?? null,
    metadata: mergeMetadata(null, params.metadata),
    promotion: { coupon: coupon.id, type: "coupon" },
    restrictions,
    times_redeemed: 0,
  };
  world.promotionCodes.add(made);
  world.emit(cause, "promotion_code.created", made);
  return made;
}

function couponOf(world: World, id: string | undefined): Stripe.Coupon {
  if (id === undefined) {
    throw invalid("You must pass promotion.coupon when passing promotion", { param: "promotion.coupon" });
  }
  const coupon = world.coupons.get(id);
  if (!coupon) throw noSuchIn("promotion[coupon]", "coupon", id);
  if (!coupon.valid) {
    throw invalid(`Coupon expired: ${id}`, { param: "promotion[coupon]", code: "coupon_expired" });
  }
  return coupon;
}

/** Regardless of case, among the active codes. */
function refuseTakenCode(world: World, code: string): void {
  const taken = world.promotionCodes
    .oldestFirst()
    .some((each) => each.active && each.code.toLowerCase() === code.toLowerCase());
  if (taken) throw invalid(`An active promotion code with \`code: ${code}\` already exists.`);
}

function restrictionsOf(
  given: Stripe.PromotionCodeCreateParams["restrictions"],
): Stripe.PromotionCode.Restrictions {
  const { minimum_amount: minimum, minimum_amount_currency: currency } = given ?? {};
  refuseBelowOne(minimum, "restrictions[minimum_amount]");
  if (minimum !== undefined && currency === undefined) throw missing("restrictions[minimum_amount_currency]");
  if (minimum === undefined && currency !== undefined) throw missing("restrictions[minimum_amount]");
  return {
    first_time_transaction: given?.first_time_transaction ?? false,
    minimum_amount: minimum ?? null,
    minimum_amount_currency:
      currency === undefined ? null : currencyOf(currency, "restrictions[minimum_amount_currency]"),
  };
}

function found(world: World, id: string): Stripe.PromotionCode {
  const code = world.promotionCodes.get(id);
  if (!code) throw noSuch("promotion code", id, "promotion_code");
  return code;
}

/** A code that has ended stays ended, and one whose name another code has taken cannot come back. */
function activate(world: World, code: Stripe.PromotionCode): void {
  const coupon = world.coupons.get(idOf(code.promotion.coupon));
  const isOver = code.expires_at !== null && code.expires_at < world.seconds();
  if (isOver || isUsedUp(code) || !coupon?.valid) {
    throw invalid("This promotion code cannot be activated: it has expired or has been used up.", {
      param: "active",
    });
  }
  refuseTakenCode(world, code.code);
  code.active = true;
}

export const promotionCodes = [
  route<Stripe.PromotionCodeCreateParams>({
    verb: "POST",
    path: "/v1/promotion_codes",
    method: "PromotionCodeResource.create",
    supports: [
      "active",
      "code",
      "customer",
      "expires_at",
      "max_redemptions",
      "metadata",
      "promotion",
      "restrictions.first_time_transaction",
      "restrictions.minimum_amount",
      "restrictions.minimum_amount_currency",
    ],
    answers: "promotion_code",
    run: ({ world, cause, params }) => create(world, cause, params),
  }),
  route<Stripe.PromotionCodeRetrieveParams>({
    verb: "GET",
    path: "/v1/promotion_codes/:id",
    method: "PromotionCodeResource.retrieve",
    supports: [],
    answers: "promotion_code",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.PromotionCodeUpdateParams>({
    verb: "POST",
    path: "/v1/promotion_codes/:id",
    method: "PromotionCodeResource.update",
    supports: ["active", "metadata"],
    answers: "promotion_code",
    run({ world, id, cause, params }) {
      const code = found(world, id);
      const metadata = mergeMetadata(code.metadata, params.metadata);
      const before = copy(code);
      if (params.active === true && !code.active) activate(world, code);
      if (params.active === false) code.active = false;
      code.metadata = metadata;
      world.emit(cause, "promotion_code.updated", code, before);
      return code;
    },
  }),
  route<Stripe.PromotionCodeListParams>({
    verb: "GET",
    path: "/v1/promotion_codes",
    method: "PromotionCodeResource.list",
    supports: ["active", "code", "coupon", "created", "customer", "limit", "starting_after", "ending_before"],
    answers: "promotion_code",
    run({ world, params }) {
      if (params.coupon !== undefined && !world.coupons.get(params.coupon)) {
        throw noSuchIn("coupon", "coupon", params.coupon);
      }
      const code = params.code?.toLowerCase();
      const all = world.promotionCodes
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ active }) => params.active === undefined || active === params.active)
        .filter((each) => code === undefined || each.code.toLowerCase() === code)
        .filter(({ promotion }) => params.coupon === undefined || promotion.coupon === params.coupon)
        .filter(({ customer }) => params.customer === undefined || customer === params.customer);
      return page(all, params, "/v1/promotion_codes", "promotion code");
    },
  }),
];
