/** What happens to a payment afterwards without the API: in the dashboard, at the bank, on the way to the shop's account. */
import type { Stripe } from "stripe";
import { decide, type Decision } from "../disputes/decide.ts";
import { escalate, openDispute, type Opening } from "../disputes/open.ts";
import { isInquiry } from "../disputes/standing.ts";
import { payOut, settlePayout } from "../objects/payouts.ts";
import { refundCharge } from "../objects/refunds.ts";
import { cancelRefund, failRefund, succeedRefund, type FailureReason } from "../refunds/settle.ts";
import { sweep } from "../sweep.ts";
import { onItsOwn, type World } from "../world.ts";
import { chargeNamed, disputeNamed, payoutNamed, refundNamed } from "./find.ts";
import { idOf } from "../reference.ts";

export type Refunding = {
  /** Cents; all that is left by default. */
  readonly amount?: number;
  readonly reason?: Stripe.RefundCreateParams.Reason;
  readonly metadata?: Record<string, string>;
};

/** A payment is named by its charge, its PaymentIntent or its Checkout Session. */
export type AftermathActions = {
  /** Refunds in the dashboard: no request of the API has caused it. @throws Refusal as the API would refuse. */
  refund(payment: string, how?: Refunding): Stripe.Refund;
  /** A pending refund arrives. @throws Error when it is not pending. */
  succeedRefund(refundId: string): Stripe.Refund;
  /** A refund fails, also one that seemed to have succeeded. @throws Error when it has ended. */
  failRefund(refundId: string, reason?: FailureReason): Stripe.Refund;
  /** Cancels in the dashboard. @throws Error after half an hour, and when it does not go to a card. */
  cancelRefund(refundId: string): Stripe.Refund;
  /** The bank disputes a card payment; a chargeback for fraud of all that is left by default. @throws Error */
  openDispute(payment: string, how?: Partial<Opening>): Stripe.Dispute;
  /** An inquiry becomes a chargeback. @throws Error when it is none. */
  escalateDispute(disputeId: string): Stripe.Dispute;
  /** @throws Error for a decision that this dispute cannot come to. */
  decideDispute(disputeId: string, decision: Decision): Stripe.Dispute;
  /** Sends what is available to the bank account; it arrives on `arrival_date`. @throws Error when nothing is. */
  payOut(how?: { currency?: string }): Stripe.Payout;
  /** @throws Error when it is not on its way. */
  settlePayout(payoutId: string, how: "arrives" | "fails"): Stripe.Payout;
};

export function aftermathActions(world: World): AftermathActions {
  return {
    refund(payment, how = {}) {
      return refundCharge(world, onItsOwn, { charge: chargeNamed(world, payment).id, ...how });
    },
    succeedRefund(refundId) {
      const refund = refundNamed(world, refundId);
      succeedRefund(world, onItsOwn, refund);
      return refund;
    },
    failRefund(refundId, reason = "expired_or_canceled_card") {
      const refund = refundNamed(world, refundId);
      failRefund(world, onItsOwn, refund, reason);
      return refund;
    },
    cancelRefund(refundId) {
      const refund = refundNamed(world, refundId);
      cancelRefund(world, onItsOwn, refund);
      return refund;
    },
    openDispute(payment, { status = "needs_response", reason = "fraudulent", amount } = {}) {
      return openDispute(world, onItsOwn, chargeNamed(world, payment), { status, reason, amount });
    },
    escalateDispute(disputeId) {
      const dispute = disputeNamed(world, disputeId);
      if (!isInquiry(dispute)) throw new Error(`${disputeId} is ${dispute.status}, no inquiry`);
      escalate(world, onItsOwn, dispute, chargeNamed(world, idOf(dispute.charge)));
      return dispute;
    },
    decideDispute(disputeId, decision) {
      const dispute = disputeNamed(world, disputeId);
      decide(world, onItsOwn, dispute, decision);
      return dispute;
    },
    payOut({ currency = "usd" } = {}) {
      sweep(world);
      return payOut(world, currency);
    },
    settlePayout(payoutId, how) {
      const payout = payoutNamed(world, payoutId);
      settlePayout(world, payout, how === "arrives");
      return payout;
    },
  };
}
