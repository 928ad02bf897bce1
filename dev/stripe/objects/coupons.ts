/** Coupons: so much per cent or so many cents off. */
import type { Stripe } from "stripe";
import { invalid, missing, noSuch } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { copy, type Cause, type World } from "../world.ts";
import { currencyOf } from "./money.ts";
import { refuseFarFuture } from "./promotion-times.ts";

function create(world: World, cause: Cause, params: Stripe.CouponCreateParams): Stripe.Coupon {
  const { amount_off: amount, percent_off: percent, id = world.id("", 8) } = params;
  if (amount === undefined && percent === undefined) throw missing("percent_off");
  if (amount !== undefined && percent !== undefined) {
    throw invalid("You may only specify one of these parameters: amount_off, percent_off.", {
      param: "amount_off",
    });
  }
  if (amount !== undefined && params.currency === undefined) throw missing("currency");
  refuseBelowOne(amount, "amount_off");
  refuseBelowOne(params.max_redemptions, "max_redemptions");
  if (percent !== undefined && (percent <= 0 || percent > 100)) {
    throw invalid("Invalid percent_off: must be greater than 0 and at most 100.", { param: "percent_off" });
  }
  refuseRepeating(params);
  if (params.redeem_by !== undefined) refuseFarFuture(world, params.redeem_by, "redeem_by");
  if (world.coupons.get(id)) {
    throw invalid("Coupon already exists.", { param: "id", code: "resource_already_exists" });
  }
  const currency = params.currency === undefined ? null : currencyOf(params.currency, "currency");
  const coupon: Stripe.Coupon = {
    id,
    object: "coupon",
    amount_off: amount ?? null,
    created: world.seconds(),
    currency: amount === undefined ? null : currency,
    duration: params.duration ?? "once",
    duration_in_months: params.duration_in_months ?? null,
    livemode: false,
    max_redemptions: params.max_redemptions ?? null,
    metadata: mergeMetadata(null, params.metadata),
    name: params.name ?? null,
    percent_off: percent ?? null,
    redeem_by: params.redeem_by ?? null,
    times_redeemed: 0,
    valid: true,
  };
  world.coupons.add(coupon);
  world.emit(cause, "coupon.created", coupon);
  return coupon;
}

function refuseRepeating(params: Stripe.CouponCreateParams): void {
  const repeats = params.duration === "repeating";
  if (repeats && params.duration_in_months === undefined) throw missing("duration_in_months");
  if (!repeats && params.duration_in_months !== undefined) {
    throw invalid("You can only set `duration_in_months` when `duration` is `repeating`.", {
      param: "duration_in_months",
    });
  }
}

export function refuseBelowOne(value: number | undefined, param: string): void {
  if (value === undefined || value >= 1) return;
  throw invalid("This value must be greater than or equal to 1.", {
    param,
    code: "parameter_invalid_integer",
  });
}

function found(world: World, id: string): Stripe.Coupon {
  const coupon = world.coupons.get(id);
  if (!coupon) throw noSuch("coupon", id, "coupon");
  return coupon;
}

export const coupons = [
  route<Stripe.CouponCreateParams>({
    verb: "POST",
    path: "/v1/coupons",
    method: "CouponResource.create",
    supports: [
      "amount_off",
      "currency",
      "duration",
      "duration_in_months",
      "id",
      "max_redemptions",
      "metadata",
      "name",
      "percent_off",
      "redeem_by",
    ],
    answers: "coupon",
    run: ({ world, cause, params }) => create(world, cause, params),
  }),
  route<Stripe.CouponRetrieveParams>({
    verb: "GET",
    path: "/v1/coupons/:id",
    method: "CouponResource.retrieve",
    supports: [],
    answers: "coupon",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.CouponUpdateParams>({
    verb: "POST",
    path: "/v1/coupons/:id",
    method: "CouponResource.update",
    supports: ["metadata", "name"],
    answers: "coupon",
    run({ world, id, cause, params }) {
      const coupon = found(world, id);
      const metadata = mergeMetadata(coupon.metadata, params.metadata);
      const before = copy(coupon);
      if (params.name !== undefined) coupon.name = params.name;
      coupon.metadata = metadata;
      world.emit(cause, "coupon.updated", coupon, before);
      return coupon;
    },
  }),
  route<Stripe.CouponDeleteParams>({
    verb: "DELETE",
    path: "/v1/coupons/:id",
    method: "CouponResource.del",
    supports: [],
    answers: undefined,
    run({ world, id, cause }) {
      const coupon = found(world, id);
      world.coupons.remove(id);
      const gone: Stripe.DeletedCoupon = { id, object: "coupon", deleted: true };
      for (const each of world.promotionCodes.oldestFirst()) {
        if (each.promotion.coupon === id) each.active = false;
      }
      world.emit(cause, "coupon.deleted", { ...coupon, valid: false });
      return gone;
    },
  }),
  route<Stripe.CouponListParams>({
    verb: "GET",
    path: "/v1/coupons",
    method: "CouponResource.list",
    supports: ["created", "limit", "starting_after", "ending_before"],
    answers: "coupon",
    run({ world, params }) {
      const all = world.coupons.newestFirst().filter(createdWithin(params.created));
      return page(all, params, "/v1/coupons", "coupon");
    },
  }),
];
