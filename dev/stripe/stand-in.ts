/** What a stand-in offers beside its API: paying and what comes of it, endpoints, and a check of its own objects. */
import { billingActions, type BillingActions } from "./actions/billing.ts";
import { aftermathActions, type AftermathActions } from "./actions/aftermath.ts";
import { checkoutActions, type CheckoutActions } from "./actions/checkout.ts";
import type { Clock } from "../clock.ts";
import { createEndpoint } from "./objects/webhook-endpoints.ts";
import { problemsOf } from "./shapes/check.ts";
import { copy, isHash, type StoredEvent, type World } from "./world.ts";

export type Actions = CheckoutActions &
  AftermathActions &
  BillingActions & {
    /** An endpoint whose secret is known beforehand. @returns its id. */
    listen(endpoint: { url: string; secret: string; events?: string[] }): string;
    /** Every stored object and event against the SDK's types: what does not fit, empty when all fits. */
    check(): string[];
  };

export function createActions(world: World, clock: Clock): Actions {
  return {
    ...checkoutActions(world),
    ...aftermathActions(world),
    ...billingActions(world, clock),
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
    ...world.billing.balances.oldestFirst(),
    ...world.billing.clocks.oldestFirst(),
    ...world.billing.discounts.oldestFirst(),
    ...world.billing.fraudWarnings.oldestFirst(),
    ...world.billing.invoiceItems.oldestFirst(),
    ...world.billing.invoicePayments.oldestFirst(),
    ...world.billing.invoices.oldestFirst(),
    ...world.billing.portalConfigurations.oldestFirst(),
    ...world.billing.portalSessions.oldestFirst(),
    ...world.billing.schedules.oldestFirst(),
    ...world.billing.setupIntents.oldestFirst(),
    ...world.billing.subscriptions.oldestFirst(),
    ...[...world.insides.values()].flatMap(({ lineItems }) => lineItems),
  ];
  const wrong = objects.flatMap((object) => {
    const shape = shapes.answers[object.object];
    if (!shape) return [`${object.object}: no shape`];
    return problemsOf(shapes, shape, copy(object), object.object);
  });
  const wrongEvents = world.events.oldestFirst().flatMap((event) => {
    const shape = shapes.events[event.type];
    return shape ? problemsOf(shapes, shape, whole(event), event.type) : [`${event.type}: no shape`];
  });
  return [...wrong, ...wrongEvents];
}

/**
 * The declarations say less than Stripe does: of a hash that changed, `previous_attributes` holds only what changed in
 * it, null for what was not there; and the invoice of `invoice.upcoming` has no id.
 */
function whole(event: StoredEvent): Record<string, unknown> {
  const { object, previous_attributes: previous } = event.data;
  const known = event.type === "invoice.upcoming" ? { ...object, id: "in_upcoming" } : object;
  return copy({
    ...event,
    data: {
      object: known,
      ...(previous === undefined ? {} : { previous_attributes: filled(previous, object) }),
    },
  });
}

function filled(previous: Record<string, unknown>, now: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(previous)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => {
        const present = now[name];
        return [name, isHash(value) && isHash(present) ? { ...present, ...filled(value, present) } : value];
      }),
  );
}
