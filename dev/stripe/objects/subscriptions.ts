/** Subscriptions through the API: made, changed, paused in collection, resumed and canceled. */
import type { Stripe } from "stripe";
import { changeSubscription } from "../billing/announce.ts";
import { hasEnded } from "../billing/end.ts";
import { cancelNow } from "../billing/cancel.ts";
import { resumeSubscription } from "../billing/resume.ts";
import { inTimeOf } from "../billing/time.ts";
import { createSubscription } from "../billing/create.ts";
import { updateSubscription } from "../billing/update.ts";
import { periodOf } from "../billing/subscription.ts";
import { customerNamed } from "../customers/find.ts";
import { invalid, missing, noSuch } from "../protocol/errors.ts";
import { createdWithin, page, type CreatedFilter } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import { idOf } from "../reference.ts";
import type { World } from "../world.ts";

function subscriptionFound(world: World, id: string): Stripe.Subscription {
  const subscription = world.billing.subscriptions.get(id);
  if (!subscription) throw noSuch("subscription", id);
  return subscription;
}

/** One that has ended is, for whoever would change it, not there: so Stripe answers. */
function living(world: World, id: string): Stripe.Subscription {
  const subscription = subscriptionFound(world, id);
  if (hasEnded(subscription)) throw noSuch("subscription", id);
  return subscription;
}

function periodWithin(
  filter: CreatedFilter,
  which: "start" | "end",
): (subscription: Stripe.Subscription) => boolean {
  const within = createdWithin(filter);
  return (subscription) => within({ created: periodOf(subscription)[which] });
}

function ofStatus(asked: string | undefined): (subscription: Stripe.Subscription) => boolean {
  if (asked === "all") return () => true;
  if (asked === undefined) return ({ status }) => status !== "canceled";
  if (asked === "ended") return hasEnded;
  return ({ status }) => status === asked;
}

const itemParams = ["items.metadata", "items.price", "items.quantity"];

export const subscriptions = [
  route<Stripe.SubscriptionCreateParams>({
    verb: "POST",
    path: "/v1/subscriptions",
    method: "SubscriptionResource.create",
    supports: [
      "billing_mode",
      "cancel_at",
      "cancel_at_period_end",
      "collection_method",
      "currency",
      "customer",
      "default_payment_method",
      "description",
      "discounts.coupon",
      "discounts.promotion_code",
      ...itemParams,
      "metadata",
      "off_session",
      "payment_behavior",
      "payment_settings.save_default_payment_method",
      "proration_behavior",
      "trial_end",
      "trial_period_days",
      "trial_settings",
    ],
    answers: "subscription",
    run({ world, cause, params }) {
      if (params.customer === undefined) throw missing("customer");
      const customer = customerNamed(world, params.customer, "customer");
      return inTimeOf(world, customer.id, () => createSubscription(world, cause, customer, params));
    },
  }),
  route<Stripe.SubscriptionRetrieveParams>({
    verb: "GET",
    path: "/v1/subscriptions/:id",
    method: "SubscriptionResource.retrieve",
    supports: [],
    answers: "subscription",
    run: ({ world, id }) => subscriptionFound(world, id),
  }),
  route<Stripe.SubscriptionUpdateParams>({
    verb: "POST",
    path: "/v1/subscriptions/:id",
    method: "SubscriptionResource.update",
    supports: [
      "billing_cycle_anchor",
      "cancel_at",
      "cancel_at_period_end",
      "cancellation_details.comment",
      "cancellation_details.feedback",
      "default_payment_method",
      "description",
      "discounts",
      "items.deleted",
      "items.id",
      ...itemParams,
      "metadata",
      "off_session",
      "pause_collection",
      "payment_behavior",
      "proration_behavior",
      "proration_date",
      "trial_end",
      "trial_settings",
    ],
    unsets: ["default_payment_method"],
    answers: "subscription",
    run({ world, id, cause, params }) {
      const subscription = subscriptionFound(world, id);
      if (hasEnded(subscription)) {
        const others = Object.keys(params).filter(
          (name) => !["cancellation_details", "metadata", "expand"].includes(name),
        );
        if (others.length > 0) {
          throw invalid("A canceled subscription can only update its cancellation_details and metadata.");
        }
      }
      return inTimeOf(world, idOf(subscription.customer), () => {
        updateSubscription(world, cause, subscription, params);
        return subscription;
      });
    },
  }),
  route<Stripe.SubscriptionCancelParams>({
    verb: "DELETE",
    path: "/v1/subscriptions/:id",
    method: "SubscriptionResource.cancel",
    supports: ["cancellation_details.comment", "cancellation_details.feedback", "invoice_now", "prorate"],
    answers: "subscription",
    run({ world, id, cause, params }) {
      const subscription = living(world, id);
      return inTimeOf(world, idOf(subscription.customer), () => {
        cancelNow(world, cause, subscription, params);
        return subscription;
      });
    },
  }),
  route<Stripe.SubscriptionResumeParams>({
    verb: "POST",
    path: "/v1/subscriptions/:id/resume",
    method: "SubscriptionResource.resume",
    supports: ["billing_cycle_anchor", "proration_behavior"],
    answers: "subscription",
    run({ world, id, cause, params }) {
      const subscription = living(world, id);
      return inTimeOf(world, idOf(subscription.customer), () => {
        resumeSubscription(world, cause, subscription, params);
        return subscription;
      });
    },
  }),
  route<Stripe.SubscriptionListParams>({
    verb: "GET",
    path: "/v1/subscriptions",
    method: "SubscriptionResource.list",
    supports: [
      "collection_method",
      "created",
      "current_period_end",
      "current_period_start",
      "customer",
      "price",
      "status",
      "test_clock",
      "limit",
      "starting_after",
      "ending_before",
    ],
    answers: "subscription",
    run({ world, params }) {
      if (params.customer !== undefined && !world.deleted.get(params.customer)) {
        customerNamed(world, params.customer, "customer");
      }
      const clock = params.test_clock ?? null;
      const all = world.billing.subscriptions
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(periodWithin(params.current_period_end, "end"))
        .filter(periodWithin(params.current_period_start, "start"))
        .filter(({ customer }) => params.customer === undefined || customer === params.customer)
        .filter(({ collection_method: method }) => {
          return params.collection_method === undefined || method === params.collection_method;
        })
        .filter(({ items }) => {
          return params.price === undefined || items.data.some(({ price }) => price.id === params.price);
        })
        // Without a customer or a clock, those that live by a clock are left out.
        .filter((each) => (params.customer !== undefined && clock === null) || each.test_clock === clock)
        .filter(ofStatus(params.status));
      return page(all, params, "/v1/subscriptions", "subscription");
    },
  }),
  route<Stripe.SubscriptionDeleteDiscountParams>({
    verb: "DELETE",
    path: "/v1/subscriptions/:id/discount",
    method: "SubscriptionResource.deleteDiscount",
    supports: [],
    answers: undefined,
    run({ world, id, cause }) {
      const subscription = living(world, id);
      const discount = world.billing.discounts.get(idOf(subscription.discounts[0]));
      if (!discount) throw noSuch("discount", id);
      changeSubscription(world, cause, subscription, () => {
        subscription.discounts = [];
      });
      world.emit(cause, "customer.discount.deleted", discount);
      return { ...discount, deleted: true };
    },
  }),
];
