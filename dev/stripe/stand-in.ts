/** What a stand-in offers beside its API: paying and what comes of it, endpoints, and a check of its own objects. */
import { aftermathActions, type AftermathActions } from "./actions/aftermath.ts";
import { checkoutActions, type CheckoutActions } from "./actions/checkout.ts";
import { createEndpoint } from "./objects/webhook-endpoints.ts";
import { problemsOf } from "./shapes/check.ts";
import { copy, type World } from "./world.ts";

export type Actions = CheckoutActions &
  AftermathActions & {
    /** An endpoint whose secret is known beforehand. @returns its id. */
    listen(endpoint: { url: string; secret: string; events?: string[] }): string;
    /** Every stored object and event against the SDK's types: what does not fit, empty when all fits. */
    check(): string[];
  };

export function createActions(world: World): Actions {
  return {
    ...checkoutActions(world),
    ...aftermathActions(world),
    listen: ({ url, secret, events = ["*"] }) =>
      createEndpoint(world, { url, secret, enabled_events: events, api_version: world.sdk.apiVersion }).id,
    check: () => checkAll(world),
  };
}

function checkAll(world: World): string[] {
  const { shapes } = world.sdk;
  const objects = [
    ...world.balanceTransactions.oldestFirst(),
    ...world.charges.oldestFirst(),
    ...world.coupons.oldestFirst(),
    ...world.customers.oldestFirst(),
    ...world.disputes.oldestFirst(),
    ...world.endpoints.oldestFirst().map(({ endpoint }) => endpoint),
    ...world.paymentIntents.oldestFirst(),
    ...world.paymentMethods.oldestFirst(),
    ...world.payouts.oldestFirst(),
    ...world.prices.oldestFirst(),
    ...world.products.oldestFirst(),
    ...world.promotionCodes.oldestFirst(),
    ...world.refunds.oldestFirst(),
    ...world.sessions.oldestFirst(),
    ...[...world.insides.values()].flatMap(({ lineItems }) => lineItems),
  ];
  const wrong = objects.flatMap((object) => {
    const shape = shapes.answers[object.object];
    if (!shape) return [`${object.object}: no shape`];
    return problemsOf(shapes, shape, copy(object), object.object);
  });
  const wrongEvents = world.events.oldestFirst().flatMap((event) => {
    const shape = shapes.events[event.type];
    return shape ? problemsOf(shapes, shape, copy(event), event.type) : [`${event.type}: no shape`];
  });
  return [...wrong, ...wrongEvents];
}
