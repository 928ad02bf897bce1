/** The Stripe ports over Stripe's SDK. */
import type StripeSdk from "stripe";
import type { Core } from "../app.ts";
import { expectMade } from "./answers.ts";
import { billingOver } from "./billing.ts";
import type { Billing } from "./billing-port.ts";
import { stripeClient } from "./client.ts";
import { guarded } from "./guarded.ts";
import type { StripeHistory } from "./history.ts";
import type { StripeLists } from "./lists.ts";
import { payInvoice } from "./invoices.ts";
import { createRefund, readPayment } from "./payments.ts";
import { balancePage, eventsPage, readCurrent, readEvent } from "./read-history.ts";
import { disputesPage, paymentsPage, readIntent, refundsPage, sessionsPage } from "./read-lists.ts";
import type { CreateOutcome, ExpireOutcome, SessionRequest, Stripe } from "./port.ts";
import type { PromotionCodes } from "./promotion-codes-port.ts";
import { readSubscription } from "./subscriptions.ts";
import { findPromotionCodes, refusalOfPromotion } from "./promotion-codes.ts";

/** Stripe's default, and ours by intention. */
const toleranceSeconds = 300;

export function stripe({ env, trips }: Core): Stripe {
  const onTrip = () => trips.count("stripe");
  return {
    async createSession(request) {
      const sdk = await stripeClient(env);
      onTrip();
      return await guarded(() => create(sdk, request));
    },
    async expireSession(sessionId) {
      const sdk = await stripeClient(env);
      onTrip();
      return await guarded(() => expire(sdk, sessionId));
    },
    async readPayment(payment) {
      const sdk = await stripeClient(env);
      return await guarded(() => readPayment(sdk, payment, onTrip));
    },
    async readSubscription(id) {
      const sdk = await stripeClient(env);
      return await guarded(() => readSubscription(sdk, id, onTrip));
    },
    async payInvoice(payment) {
      const sdk = await stripeClient(env);
      return await guarded(() => payInvoice(sdk, payment, onTrip));
    },
    async createRefund(order) {
      const sdk = await stripeClient(env);
      onTrip();
      return await guarded(() => createRefund(sdk, order));
    },
    async verifyEvent(rawBody, signature) {
      const [{ default: Sdk }, sdk] = await Promise.all([import("stripe"), stripeClient(env)]);
      try {
        const event = await sdk.webhooks.constructEventAsync(
          rawBody,
          signature,
          env.STRIPE_WEBHOOK_SECRET,
          toleranceSeconds,
        );
        const { id, type, livemode, created } = event;
        return {
          id,
          type,
          apiVersion: event.api_version,
          livemode,
          created,
          object: event.data.object,
          payload: event,
        };
      } catch (error) {
        if (error instanceof Sdk.errors.StripeSignatureVerificationError || error instanceof SyntaxError)
          return null;
        throw error;
      }
    },
    async apiVersion() {
      const { default: Sdk } = await import("stripe");
      return Sdk.API_VERSION;
    },
  };
}

export function billing({ env, trips }: Core): Billing {
  return billingOver({
    sdk: () => stripeClient(env),
    onTrip: () => trips.count("stripe"),
  });
}

export function stripeHistory(core: Core): StripeHistory {
  const ask = asker(core);
  return {
    events: (types, span, after) => ask((sdk) => eventsPage(sdk, types, span, after)),
    event: (id) => ask((sdk) => readEvent(sdk, id)),
    current: (object) => ask((sdk) => readCurrent(sdk, object)),
    balance: (span, after) => ask((sdk) => balancePage(sdk, span, after)),
  };
}

export function promotionCodes({ env, trips }: Core): PromotionCodes {
  return {
    async find(text) {
      const sdk = await stripeClient(env);
      return await guarded(() => findPromotionCodes(sdk, text, () => trips.count("stripe")));
    },
  };
}

export function stripeLists(core: Core): StripeLists {
  const ask = asker(core);
  return {
    payments: (span, after) => ask((sdk) => paymentsPage(sdk, span, after)),
    payment: (id) => ask((sdk) => readIntent(sdk, id)),
    sessions: (span, after) => ask((sdk) => sessionsPage(sdk, span, after)),
    refunds: (span, after) => ask((sdk) => refundsPage(sdk, span, after)),
    disputes: (span, after) => ask((sdk) => disputesPage(sdk, span, after)),
  };
}

function asker({ env, trips }: Core) {
  return async <T>(call: (sdk: StripeSdk) => Promise<T>): Promise<T> => {
    const sdk = await stripeClient(env);
    trips.count("stripe");
    return await guarded(() => call(sdk));
  };
}

async function create(sdk: StripeSdk, request: SessionRequest): Promise<CreateOutcome> {
  const { default: Sdk } = await import("stripe");
  const metadata = { purchase: request.purchaseId };
  try {
    const session = await sdk.checkout.sessions.create(
      {
        mode: "payment",
        line_items: [
          {
            quantity: 1,
            price_data: {
              currency: "usd",
              unit_amount: Number(request.amountCents + request.discountCents),
              product: request.productId,
            },
          },
        ],
        // A code is typed on our page, never on Stripe's: what is charged there must be what was pinned here.
        ...(request.promotionCode === null ? {} : { discounts: [{ promotion_code: request.promotionCode }] }),
        client_reference_id: request.purchaseId,
        metadata,
        payment_intent_data: { metadata, description: request.description },
        ...(request.customerId
          ? { customer: request.customerId }
          : { customer_email: request.customerEmail, customer_creation: "always" as const }),
        success_url: request.successUrl,
        cancel_url: request.cancelUrl,
        expires_at: Math.floor(request.expiresAt.getTime() / 1000),
      },
      { idempotencyKey: request.idempotencyKey },
    );
    expectMade(session, "checkout.session");
    return {
      kind: "created",
      session: { id: session.id, url: session.url, amountCents: session.amount_total },
    };
  } catch (error) {
    if (!(error instanceof Sdk.errors.StripeInvalidRequestError)) throw error;
    if (error.param === "expires_at") return { kind: "expiry_passed" };
    if (error.param === "customer" && error.code === "resource_missing") return { kind: "customer_gone" };
    if (error.param?.startsWith("discounts") && request.promotionCode !== null)
      return { kind: "promotion_refused", reason: refusalOfPromotion(error) };
    throw error;
  }
}

async function expire(sdk: StripeSdk, id: string): Promise<ExpireOutcome> {
  const { default: Sdk } = await import("stripe");
  try {
    expectMade(await sdk.checkout.sessions.expire(id), "checkout.session");
    return "expired";
  } catch (error) {
    // Only open sessions can be expired: see which end this one has come to.
    if (!(error instanceof Sdk.errors.StripeInvalidRequestError)) throw error;
    const session = await sdk.checkout.sessions.retrieve(id);
    if (session.status === "open") throw error;
    return session.status === "complete" ? "complete" : "expired";
  }
}
