/** A payment's refunds and disputes at Stripe, and a refund asked for. */
import type StripeSdk from "stripe";
import { expectMade, expectObject, isoOf } from "./answers.ts";
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
  expectObject(intent, "payment_intent");
  expectObject(refunds, "list");
  expectObject(disputes, "list");
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
    expectMade(refund, "refund");
    return { kind: "made", refund: refundRead(refund) };
  } catch (error) {
    if (error instanceof Sdk.errors.StripeInvalidRequestError)
      return { kind: "refused", reason: error.message };
    throw error;
  }
}

export function refundRead(refund: StripeSdk.Refund): RefundRead {
  return {
    id: refund.id,
    amountCents: refund.amount,
    status: refund.status ?? "pending",
    requestId: refund.metadata?.["refund"] ?? null,
    failure: refund.failure_reason ?? null,
    createdAt: isoOf(refund.created),
  };
}

export function disputeRead(dispute: StripeSdk.Dispute): DisputeRead {
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
