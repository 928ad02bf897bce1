/** The API's endpoints on their addresses, all others refused. */
import { Hono } from "hono";
import type { Faults } from "../wire/faults.ts";
import { hasEnded } from "./billing/end.ts";
import { intentFor } from "./billing/finalize.ts";
import { balance } from "./objects/balance.ts";
import { balanceTransactions } from "./objects/balance-transactions.ts";
import { charges } from "./objects/charges.ts";
import { checkoutSessions } from "./objects/checkout-sessions.ts";
import { coupons } from "./objects/coupons.ts";
import { customers } from "./objects/customers.ts";
import { disputes } from "./objects/disputes.ts";
import { earlyFraudWarnings } from "./objects/early-fraud-warnings.ts";
import { events } from "./objects/events.ts";
import { invoiceItems, invoicePayments, invoices } from "./objects/invoices.ts";
import { paymentIntents } from "./objects/payment-intents.ts";
import { paymentMethods } from "./objects/payment-methods.ts";
import { payouts } from "./objects/payouts.ts";
import { portalConfigurations, portalSessions } from "./objects/portal.ts";
import { prices } from "./objects/prices.ts";
import { products } from "./objects/products.ts";
import { promotionCodes } from "./objects/promotion-codes.ts";
import { refunds } from "./objects/refunds.ts";
import { setupIntents } from "./objects/setup-intents.ts";
import { subscriptionItems } from "./objects/subscription-items.ts";
import { subscriptionSchedules } from "./objects/subscription-schedules.ts";
import { subscriptions } from "./objects/subscriptions.ts";
import { testClocks } from "./objects/test-clocks.ts";
import { webhookEndpoints } from "./objects/webhook-endpoints.ts";
import { invalid, Refusal } from "./protocol/errors.ts";
import type { Expander } from "./protocol/expand.ts";
import { refuse, serveRoute, type Protocol } from "./protocol/serve-route.ts";
import type { World } from "./world.ts";

const routes = [
  balance,
  balanceTransactions,
  charges,
  checkoutSessions,
  coupons,
  customers,
  disputes,
  earlyFraudWarnings,
  events,
  invoiceItems,
  invoicePayments,
  invoices,
  paymentIntents,
  paymentMethods,
  payouts,
  portalConfigurations,
  portalSessions,
  prices,
  products,
  promotionCodes,
  refunds,
  setupIntents,
  subscriptionItems,
  subscriptionSchedules,
  subscriptions,
  testClocks,
  webhookEndpoints,
].flat();

export function mountApi(app: Hono, protocol: Protocol, faults: Faults): void {
  app.use("/v1/*", faults.middleware);
  for (const route of routes) {
    app.on(route.verb, route.path, (context) => serveRoute(protocol, route, context));
  }
  app.notFound((context) =>
    refuse(
      protocol,
      invalid(
        `Unrecognized request URL (${context.req.method}: ${context.req.path}). This stand-in has no such endpoint; ` +
          "where Stripe has one, it is not implemented here.",
        { status: 404 },
      ),
    ),
  );
  app.onError((error) => refuse(protocol, new Refusal("api_error", error.message, { status: 500 })));
}

export function createExpander(world: World): Expander {
  const stores = [
    world.balanceTransactions,
    world.charges,
    world.coupons,
    world.customers,
    world.deleted,
    world.disputes,
    world.paymentIntents,
    world.paymentMethods,
    world.payouts,
    world.prices,
    world.products,
    world.promotionCodes,
    world.refunds,
    world.sessions,
    world.billing.clocks,
    world.billing.discounts,
    world.billing.invoiceItems,
    world.billing.invoices,
    world.billing.portalConfigurations,
    world.billing.schedules,
    world.billing.setupIntents,
    world.billing.subscriptions,
  ];
  const copied = (object: object): unknown => JSON.parse(JSON.stringify(object));
  const list = (data: readonly object[], url: string) =>
    copied({ object: "list", data: data.slice(0, 10), has_more: data.length > 10, url });
  return {
    shapes: world.sdk.shapes,
    find(id) {
      for (const store of stores) {
        const object = store.get(id);
        if (object) return copied(object);
      }
      return undefined;
    },
    include(resource, field, id) {
      if (resource === "checkout.session" && field === "line_items") {
        return list(world.insides.get(id)?.lineItems ?? [], `/v1/checkout/sessions/${id}/line_items`);
      }
      if (resource === "charge" && field === "refunds") {
        return list(
          world.refunds.newestFirst().filter(({ charge }) => charge === id),
          `/v1/charges/${id}/refunds`,
        );
      }
      if (resource === "customer" && field === "subscriptions") {
        const own = world.billing.subscriptions
          .newestFirst()
          .filter((each) => each.customer === id && !hasEnded(each));
        return list(own, `/v1/customers/${id}/subscriptions`);
      }
      if (resource === "invoice" && field === "payments") {
        const own = world.billing.invoicePayments.newestFirst().filter(({ invoice }) => invoice === id);
        return list(own, `/v1/invoice_payments?invoice=${id}`);
      }
      if (resource === "invoice" && field === "confirmation_secret") {
        const intent = intentFor(world, { id });
        return intent ? { client_secret: intent.client_secret, type: "payment_intent" } : null;
      }
      return undefined;
    },
  };
}
