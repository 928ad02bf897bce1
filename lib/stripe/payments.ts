/** A payment's refunds and disputes at Stripe, and a refund asked for. */
import type StripeSdk from "stripe";
import { SECOND_MS } from "../clock.ts";
import { Unavailable } from "../errors.ts";
import { found } from "./read-history.ts";
import type { DisputeRead, PaymentRead, RefundOrder, RefundOutcome, RefundRead } from "./port.ts";

/** More than Stripe makes of one payment. */
const limit = 100;

export async function readPayment(
  sdk: StripeSdk,
  payment: string,
  onTrip: () => void,
): Promise<PaymentRead | null> {
  for (let trips = 0; trips < 3; trips += 1) onTrip();
  const read = await found(() =>
    Promise.all([
      sdk.paymentIntents.retrieve(payment),
      sdk.refunds.list({ payment_intent: payment, limit }),
      sdk.disputes.list({ payment_intent: payment, limit }),
    ]),
  );
  if (read === null) return null;
  const [intent, refunds, disputes] = read;
  // The SDK returns any JSON without an `error` key as a success: look at what it is.
  if (!isObject(intent, "payment_intent") || !isObject(refunds, "list") || !isObject(disputes, "list"))
    throw new Unavailable("stripe", { effect: "none", message: "Stripe's answer is no payment" });
  return {
    payment,
    purchaseId: intent.metadata["purchase"] ?? null,
    refunds: refunds.data.map(refundRead),
    disputes: disputes.data.map(disputeRead),
  };
}

export async function createRefund(
  sdk: StripeSdk,
  { requestId, payment, amountCents }: RefundOrder,
): Promise<RefundOutcome> {
  const { default: Sdk } = await import("stripe");
  try {
    const refund = await sdk.refunds.create(
      { payment_intent: payment, amount: Number(amountCents), metadata: { refund: requestId } },
      { idempotencyKey: requestId },
    );
    if (!isObject(refund, "refund"))
      throw new Unavailable("stripe", { effect: "unknown", message: "Stripe's answer is no refund" });
    return { kind: "made", refund: refundRead(refund) };
  } catch (error) {
    if (error instanceof Sdk.errors.StripeInvalidRequestError)
      return { kind: "refused", reason: error.message };
    throw error;
  }
}

function isObject(answer: { readonly object?: string }, name: string): boolean {
  return answer.object === name;
}

function refundRead(refund: StripeSdk.Refund): RefundRead {
  return {
    id: refund.id,
    amountCents: refund.amount,
    status: refund.status ?? "pending",
    requestId: refund.metadata?.["refund"] ?? null,
    failure: refund.failure_reason ?? null,
    createdAt: isoOf(refund.created),
  };
}

function disputeRead(dispute: StripeSdk.Dispute): DisputeRead {
  const dueBy = dispute.evidence_details.due_by;
  return {
    id: dispute.id,
    amountCents: dispute.amount,
    status: dispute.status,
    reason: dispute.reason,
    evidenceDueAt: dueBy === null ? null : isoOf(dueBy),
    createdAt: isoOf(dispute.created),
  };
}

function isoOf(seconds: number): string {
  return new Date(seconds * SECOND_MS).toISOString();
}
