/** Opens disputes: an inquiry, which moves no money, or a chargeback, which takes it at once. */
import type { Stripe } from "stripe";
import { bookWithdrawal, DAY_SECONDS } from "../objects/balance-transactions.ts";
import { failRefund } from "../refunds/settle.ts";
import type { Cause, World } from "../world.ts";
import { noEvidence } from "./evidence.ts";
import { leftOf } from "./standing.ts";

export type DisputeReason =
  | "credit_not_processed"
  | "duplicate"
  | "fraudulent"
  | "general"
  | "product_not_received"
  | "product_unacceptable"
  | "unrecognized";

export type Opening = {
  readonly status: "needs_response" | "warning_needs_response";
  readonly reason: DisputeReason;
  /** Cents; all that is not refunded, when it is not said. */
  readonly amount?: number | undefined;
};

/** Visa's codes for the categories. */
const networkCodes: Readonly<Record<DisputeReason, string>> = {
  credit_not_processed: "13.7",
  duplicate: "12.6.1",
  fraudulent: "10.4",
  general: "12.5",
  product_not_received: "13.1",
  product_unacceptable: "13.3",
  unrecognized: "10.4",
};
const INQUIRY_CODE = "10";

/** As many whole days are left for an answer. */
const DAYS_TO_ANSWER = 8;

/** @throws Error for a charge that cannot be disputed, or an amount that was never paid. */
export function openDispute(
  world: World,
  cause: Cause,
  charge: Stripe.Charge,
  opening: Opening,
): Stripe.Dispute {
  const amount = opening.amount ?? charge.amount_captured - charge.amount_refunded;
  refuseUndisputable(charge, amount);
  const isInquiry = opening.status === "warning_needs_response";
  const brand = charge.payment_method_details?.card?.brand ?? "unknown";
  const created = world.seconds();
  const dispute = world.disputes.add({
    id: world.id("du_1", 23),
    object: "dispute",
    amount,
    balance_transactions: [],
    charge: charge.id,
    created,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: noEvidence(),
    evidence_details: {
      due_by: (Math.floor(created / DAY_SECONDS) + DAYS_TO_ANSWER + 1) * DAY_SECONDS - 1,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: "not_submitted",
    },
    intended_submission_method: null,
    is_charge_refundable: true,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    payment_method_details: {
      type: "card",
      card: {
        brand,
        case_type: isInquiry ? "inquiry" : "chargeback",
        network: brand,
        network_reason_code: isInquiry ? INQUIRY_CODE : networkCodes[opening.reason],
      },
    },
    reason: opening.reason,
    status: opening.status,
  });
  charge.disputed = true;
  if (!isInquiry) take(world, dispute, charge);
  world.emit(cause, "charge.dispute.created", dispute);
  if (!isInquiry) announceTaking(world, cause, dispute, charge);
  return dispute;
}

/** An inquiry becomes a chargeback: the money goes. @throws Error when the charge has been refunded in the meantime. */
export function escalate(world: World, cause: Cause, dispute: Stripe.Dispute, charge: Stripe.Charge): void {
  refuseUndisputable(charge, dispute.amount);
  dispute.status = "needs_response";
  const card = dispute.payment_method_details?.card;
  if (card) {
    card.case_type = "chargeback";
    card.network_reason_code = networkCodes[dispute.reason as DisputeReason];
  }
  take(world, dispute, charge);
  world.emit(cause, "charge.dispute.updated", dispute);
  announceTaking(world, cause, dispute, charge);
}

function take(world: World, dispute: Stripe.Dispute, charge: Stripe.Charge): void {
  dispute.balance_transactions.push(bookWithdrawal(world, dispute));
  dispute.is_charge_refundable = leftOf(world, charge) > 0;
}

/** A refund that is on its way when the bank takes the money fails. */
function announceTaking(world: World, cause: Cause, dispute: Stripe.Dispute, charge: Stripe.Charge): void {
  world.emit(cause, "charge.dispute.funds_withdrawn", dispute);
  for (const refund of world.refunds.oldestFirst()) {
    if (refund.charge === charge.id && refund.status === "pending") {
      failRefund(world, cause, refund, "charge_for_pending_refund_disputed");
    }
  }
}

function refuseUndisputable(charge: Stripe.Charge, amount: number): void {
  if (charge.status !== "succeeded" || charge.payment_method_details?.type !== "card") {
    throw new Error(
      `${charge.id} is no card payment that succeeded: this stand-in has no disputes of others`,
    );
  }
  if (charge.refunded) throw new Error(`${charge.id} is fully refunded: banks take no dispute of it`);
  if (!Number.isSafeInteger(amount) || amount < 1 || amount > charge.amount_captured) {
    throw new Error(`${amount} is not between 1 and the ${charge.amount_captured} that were paid`);
  }
}
