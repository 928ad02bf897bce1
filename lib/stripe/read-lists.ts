/** Pages of Stripe's payments, sessions, refunds and disputes. */
import type StripeSdk from "stripe";
import { expectObject, idOf } from "./answers.ts";
import type { Page, Span } from "./history.ts";
import type { ListedDispute, ListedPayment, ListedRefund, ListedSession } from "./lists.ts";
import { disputeRead, refundRead } from "./payments.ts";
import { bounds, found, pageOf, within } from "./read-history.ts";

/** Of a debit that took days, the balance transaction says when its money came. */
const whenPaid = "latest_charge.balance_transaction";

export async function paymentsPage(
  sdk: StripeSdk,
  span: Span,
  after: string | null,
): Promise<Page<ListedPayment>> {
  const params = { ...within(span, after), expand: [`data.${whenPaid}`] };
  return pageOf(await sdk.paymentIntents.list(params, bounds), "payment_intent", listedPayment);
}

export async function readIntent(sdk: StripeSdk, id: string): Promise<ListedPayment | null> {
  const intent = await found(() => sdk.paymentIntents.retrieve(id, { expand: [whenPaid] }, bounds));
  if (intent === null) return null;
  expectObject(intent, "payment_intent");
  return listedPayment(intent);
}

export async function sessionsPage(
  sdk: StripeSdk,
  span: Span,
  after: string | null,
): Promise<Page<ListedSession>> {
  const params = { ...within(span, after), status: "complete" as const };
  return pageOf(await sdk.checkout.sessions.list(params, bounds), "checkout.session", (session) => ({
    id: session.id,
    created: session.created,
    purchaseId: session.metadata?.["purchase"] ?? null,
    isFree: session.payment_status === "no_payment_required" && session.payment_intent === null,
    currency: session.currency,
    livemode: session.livemode,
    object: session,
  }));
}

export async function refundsPage(
  sdk: StripeSdk,
  span: Span,
  after: string | null,
): Promise<Page<ListedRefund>> {
  return pageOf(await sdk.refunds.list(within(span, after), bounds), "refund", (refund) => ({
    ...refundRead(refund),
    created: refund.created,
    payment: idOf(refund.payment_intent),
  }));
}

export async function disputesPage(
  sdk: StripeSdk,
  span: Span,
  after: string | null,
): Promise<Page<ListedDispute>> {
  return pageOf(await sdk.disputes.list(within(span, after), bounds), "dispute", (dispute) => ({
    ...disputeRead(dispute),
    created: dispute.created,
    payment: idOf(dispute.payment_intent),
  }));
}

function listedPayment(intent: StripeSdk.PaymentIntent): ListedPayment {
  const { id, created, status, currency, livemode } = intent;
  return {
    ...{ id, created, status, currency, livemode },
    paidAt: status === "succeeded" ? paidAt(intent) : null,
    purchaseId: intent.metadata["purchase"] ?? null,
    receivedCents: intent.amount_received,
    object: { ...intent, latest_charge: idOf(intent.latest_charge) },
  };
}

function paidAt({ created, latest_charge: charge }: StripeSdk.PaymentIntent): number {
  if (charge === null || typeof charge === "string") return created;
  const movement = charge.balance_transaction;
  return movement === null || typeof movement === "string" ? charge.created : movement.created;
}
