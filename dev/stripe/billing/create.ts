/** Reads and makes a subscription as the API asks for it. */
import type { Stripe } from "stripe";
import { methodOf } from "../objects/payment-methods.ts";
import { invalid, unsupported } from "../protocol/errors.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";
import { changeSubscription } from "./announce.ts";
import { verdictOf } from "./collect.ts";
import { readDiscount } from "./discounts.ts";
import { amountOf } from "./lines.ts";
import { copyFor } from "./preview.ts";
import { readCancelAt, readItems, readTrial } from "./read.ts";
import { declined, noMeans, proofNeeded } from "./refusals.ts";
import { startSubscription, type Starting } from "./start.ts";

type Params = Stripe.SubscriptionCreateParams;

export function createSubscription(
  world: World,
  cause: Cause,
  customer: Stripe.Customer,
  params: Params,
): Stripe.Subscription {
  const starting = readStarting(world, customer, params);
  if (params.payment_behavior !== "default_incomplete") {
    refuseUnpayable(world, customer, starting, params.payment_behavior);
  }
  const { subscription } = startSubscription(world, cause, starting);
  const cancelAt =
    params.cancel_at === undefined ? null : readCancelAt(world, subscription, params.cancel_at);
  if (params.cancel_at_period_end === true || cancelAt !== null) {
    changeSubscription(world, cause, subscription, () => {
      subscription.cancel_at = cancelAt ?? subscription.items.data[0]?.current_period_end ?? null;
      subscription.cancel_at_period_end = params.cancel_at_period_end === true;
      subscription.canceled_at = world.seconds();
    });
  }
  return subscription;
}

export function readStarting(world: World, customer: Stripe.Customer, params: Params): Starting {
  if (params.collection_method === "send_invoice")
    throw unsupported("collection by sending invoices", "collection_method");
  if (params.billing_mode?.type === "classic") throw unsupported("billing_mode 'classic'", "billing_mode");
  if (params.payment_behavior === "pending_if_incomplete") {
    throw invalid(
      "`pending_if_incomplete` is only used with updates and cannot be passed when creating a Subscription.",
      {
        param: "payment_behavior",
      },
    );
  }
  const items = readItems(world, params.items);
  const currency = items[0]?.price.currency ?? "usd";
  if (params.currency !== undefined && params.currency !== currency) {
    throw invalid(`The price specified only supports \`${currency}\`.`, { param: "currency" });
  }
  if (customer.currency && customer.currency !== currency) {
    throw invalid(
      `You cannot combine currencies on a single customer. This customer has an active subscription, subscription ` +
        `schedule, discount, quote, or invoice item with currency ${customer.currency}`,
    );
  }
  if (params.default_payment_method !== undefined) {
    methodOf(world, customer.id, params.default_payment_method, "default_payment_method");
  }
  const subtotal = items.reduce((sum, { price, quantity }) => sum + amountOf(price, quantity), 0);
  return {
    customer,
    items,
    trialEnd: readTrial(world, params),
    metadata: mergeMetadata(null, params.metadata),
    description: params.description ?? null,
    method: params.default_payment_method ?? null,
    missingMethod: params.trial_settings?.end_behavior.missing_payment_method ?? "create_invoice",
    discount: readDiscount(world, params.discounts, { subtotal, currency, customer }),
    collects: params.payment_behavior !== "default_incomplete",
  };
}

/** Before anything is made: whether the first invoice could be tried at all, or must be paid. */
function refuseUnpayable(
  world: World,
  customer: Stripe.Customer,
  starting: Starting,
  behavior: Params["payment_behavior"],
): void {
  const dry = copyFor(world, customer.id);
  const inDry = dry.customers.get(customer.id);
  if (!inDry) return;
  const { invoice } = startSubscription(
    dry,
    { requestId: null, idempotencyKey: null },
    { ...starting, customer: inDry },
  );
  if (invoice.amount_due === 0) return;
  refuseMethod(world, starting.method ?? idOf(customer.invoice_settings.default_payment_method), behavior);
}

/** @throws Refusal when there is no card, or one that does not pay where it must. */
export function refuseMethod(world: World, methodId: string, behavior: string | undefined): void {
  const held = world.billing.cards.get(methodId);
  if (!held) throw noMeans();
  if (behavior !== "error_if_incomplete") return;
  const verdict = verdictOf(held);
  if (verdict === "declines" && held.card.decline) throw declined(held.card.decline);
  if (verdict === "asks") throw proofNeeded();
}
