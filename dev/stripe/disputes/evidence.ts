/** The evidence of a dispute: what can be said in words, and the words that decide it in test mode. */
import type { Stripe } from "stripe";

/** Fields that take text. The others hold uploaded files, which this stand-in has none of. */
export const TEXT_FIELDS = [
  "access_activity_log",
  "billing_address",
  "cancellation_policy_disclosure",
  "cancellation_rebuttal",
  "customer_email_address",
  "customer_name",
  "customer_purchase_ip",
  "duplicate_charge_explanation",
  "duplicate_charge_id",
  "product_description",
  "refund_policy_disclosure",
  "refund_refusal_explanation",
  "service_date",
  "shipping_address",
  "shipping_carrier",
  "shipping_date",
  "shipping_tracking_number",
  "uncategorized_text",
] as const;

export function noEvidence(): Stripe.Dispute.Evidence {
  return {
    access_activity_log: null,
    billing_address: null,
    cancellation_policy: null,
    cancellation_policy_disclosure: null,
    cancellation_rebuttal: null,
    customer_communication: null,
    customer_email_address: null,
    customer_name: null,
    customer_purchase_ip: null,
    customer_signature: null,
    duplicate_charge_documentation: null,
    duplicate_charge_explanation: null,
    duplicate_charge_id: null,
    enhanced_evidence: {},
    product_description: null,
    receipt: null,
    refund_policy: null,
    refund_policy_disclosure: null,
    refund_refusal_explanation: null,
    service_date: null,
    service_documentation: null,
    shipping_address: null,
    shipping_carrier: null,
    shipping_date: null,
    shipping_documentation: null,
    shipping_tracking_number: null,
    uncategorized_file: null,
    uncategorized_text: null,
  };
}

export type Verdict = "won" | "lost" | "escalated" | "none";

/** Stripe decides a test dispute by these three values of `uncategorized_text`. */
export function verdictOf(evidence: Stripe.Dispute.Evidence): Verdict {
  switch (evidence.uncategorized_text) {
    case "winning_evidence":
      return "won";
    case "losing_evidence":
      return "lost";
    case "escalate_inquiry_evidence":
      return "escalated";
    case null:
    default:
      return "none";
  }
}
