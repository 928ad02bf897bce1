/** Subscription items, which are the subscription's own: read and changed one by one. */
import type { Stripe } from "stripe";
import { inTimeOf } from "../billing/time.ts";
import { updateSubscription } from "../billing/update.ts";
import { noSuch, noSuchIn } from "../protocol/errors.ts";
import { page } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import { idOf } from "../reference.ts";
import type { World } from "../world.ts";

function found(world: World, id: string): Stripe.SubscriptionItem {
  const item = world.billing.subscriptions
    .oldestFirst()
    .flatMap(({ items }) => items.data)
    .find((each) => each.id === id);
  if (!item) throw noSuch("subscription_item", id, "item");
  return item;
}

export const subscriptionItems = [
  route<Stripe.SubscriptionItemRetrieveParams>({
    verb: "GET",
    path: "/v1/subscription_items/:id",
    method: "SubscriptionItemResource.retrieve",
    supports: [],
    answers: "subscription_item",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.SubscriptionItemUpdateParams>({
    verb: "POST",
    path: "/v1/subscription_items/:id",
    method: "SubscriptionItemResource.update",
    supports: ["metadata", "price", "proration_behavior", "proration_date", "quantity"],
    answers: "subscription_item",
    run({ world, id, cause, params }) {
      const item = found(world, id);
      const subscription = world.billing.subscriptions.get(item.subscription);
      if (!subscription) throw noSuch("subscription_item", id, "item");
      const { price, quantity, metadata, proration_behavior: behavior, proration_date: date } = params;
      return inTimeOf(world, idOf(subscription.customer), () => {
        updateSubscription(world, cause, subscription, {
          items: [
            {
              id,
              ...(price === undefined ? {} : { price }),
              ...(quantity === undefined ? {} : { quantity }),
              ...(metadata === undefined ? {} : { metadata }),
            },
          ],
          ...(behavior === undefined ? {} : { proration_behavior: behavior }),
          ...(date === undefined ? {} : { proration_date: date }),
        });
        return item;
      });
    },
  }),
  route<Stripe.SubscriptionItemListParams>({
    verb: "GET",
    path: "/v1/subscription_items",
    method: "SubscriptionItemResource.list",
    supports: ["subscription", "limit", "starting_after", "ending_before"],
    answers: "subscription_item",
    run({ world, params }) {
      const subscription = world.billing.subscriptions.get(params.subscription);
      if (!subscription) throw noSuchIn("subscription", "subscription", params.subscription);
      return page(subscription.items.data, params, "/v1/subscription_items", "subscription item");
    },
  }),
];
