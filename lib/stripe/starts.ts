/** The way to a subscription at Stripe: its customer, its price, its payment page. */
import type StripeSdk from "stripe";
import { SECOND_MS } from "../clock.ts";
import { expectMade, expectObject, idOf } from "./answers.ts";
import type { PageEnd, PriceFound, StartOutcome, StartRequest } from "./billing-port.ts";
import type { Line } from "./client.ts";
import { found } from "./read-history.ts";

export async function makeCustomer(
  { sdk, onTrip }: Line,
  account: { readonly id: string; readonly email: string; readonly idempotencyKey: string },
): Promise<string> {
  onTrip();
  const customer = await sdk.customers.create(
    { email: account.email, metadata: { account: account.id } },
    { idempotencyKey: account.idempotencyKey },
  );
  expectMade(customer, "customer");
  return customer.id;
}

export async function findPrice(
  { sdk, onTrip }: Line,
  { named, lookupKey }: { readonly named: string | undefined; readonly lookupKey: string },
): Promise<PriceFound> {
  onTrip();
  if (named !== undefined) {
    const price = await sdk.prices.retrieve(named);
    expectObject(price, "price");
    return priceFound(price);
  }
  const prices = await sdk.prices.list({ lookup_keys: [lookupKey], active: true, limit: 1 });
  expectObject(prices, "list");
  const [price] = prices.data;
  if (!price) throw new Error(`Stripe has no price ${lookupKey}: npm run stripe:setup makes it`);
  return priceFound(price);
}

function priceFound({ id, product, unit_amount: amountCents }: StripeSdk.Price): PriceFound {
  if (amountCents === null) throw new Error(`price ${id} has no amount in whole cents`);
  return { id, product: idOf(product), amountCents };
}

export async function openStart({ sdk, onTrip }: Line, request: StartRequest): Promise<StartOutcome> {
  const { default: Sdk } = await import("stripe");
  const metadata = { start: request.startId };
  onTrip();
  try {
    const session = await sdk.checkout.sessions.create(
      {
        mode: "subscription",
        customer: request.customer,
        line_items: [{ price: request.price, quantity: 1 }],
        client_reference_id: request.startId,
        metadata,
        subscription_data: {
          metadata,
          ...(request.trialDays > 0 ? { trial_period_days: request.trialDays } : {}),
        },
        payment_method_collection: "always",
        success_url: request.successUrl,
        cancel_url: request.cancelUrl,
        expires_at: Math.floor(request.expiresAt.getTime() / SECOND_MS),
      },
      { idempotencyKey: request.idempotencyKey },
    );
    expectMade(session, "checkout.session");
    return { kind: "opened", sessionId: session.id, url: session.url };
  } catch (error) {
    if (error instanceof Sdk.errors.StripeIdempotencyError && error.statusCode === 400)
      return { kind: "price_changed" };
    if (!(error instanceof Sdk.errors.StripeInvalidRequestError)) throw error;
    if (error.param === "expires_at") return { kind: "expiry_passed" };
    if (error.param === "customer" && error.code === "resource_missing") return { kind: "customer_gone" };
    throw error;
  }
}

export async function endStart({ sdk, onTrip }: Line, sessionId: string): Promise<PageEnd> {
  const { default: Sdk } = await import("stripe");
  onTrip();
  try {
    expectMade(await sdk.checkout.sessions.expire(sessionId), "checkout.session");
    return { kind: "expired" };
  } catch (error) {
    // Only open pages can be ended: see which end this one has come to.
    if (!(error instanceof Sdk.errors.StripeInvalidRequestError)) throw error;
    const end = await readStart({ sdk, onTrip }, sessionId);
    if (end.kind === "open") throw error;
    return end;
  }
}

export async function readStart(
  { sdk, onTrip }: Line,
  sessionId: string,
): Promise<PageEnd | { readonly kind: "open" }> {
  onTrip();
  const session = await found(() => sdk.checkout.sessions.retrieve(sessionId));
  // One that Stripe doesn't have was made with a key of the other mode.
  if (session === null) return { kind: "expired" };
  expectObject(session, "checkout.session");
  if (session.status !== "complete") return { kind: session.status === "open" ? "open" : "expired" };
  return { kind: "complete", subscription: idOf(session.subscription) };
}
