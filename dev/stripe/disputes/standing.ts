/** Where a dispute stands, and what it leaves of a charge to be refunded. */
import type { Stripe } from "stripe";
import type { World } from "../world.ts";

const inquiries: readonly string[] = ["warning_needs_response", "warning_under_review"];
const chargebacks: readonly string[] = ["needs_response", "under_review"];

/** The bank asks; no money has moved. */
export function isInquiry({ status }: Stripe.Dispute): boolean {
  return inquiries.includes(status);
}

/** The bank has taken the money and not decided yet. */
export function isOpenChargeback({ status }: Stripe.Dispute): boolean {
  return chargebacks.includes(status);
}

export function isClosed(dispute: Stripe.Dispute): boolean {
  return !isInquiry(dispute) && !isOpenChargeback(dispute);
}

function disputesOf(world: World, charge: Stripe.Charge): Stripe.Dispute[] {
  return world.disputes.oldestFirst().filter((dispute) => dispute.charge === charge.id);
}

/** What the bank has taken and not given back. */
export function withdrawn(world: World, charge: Stripe.Charge): number {
  return disputesOf(world, charge)
    .filter((dispute) => isOpenChargeback(dispute) || dispute.status === "lost")
    .reduce((sum, { amount }) => sum + amount, 0);
}

/** What neither the customer nor the bank has had back. Never below 0: the bank may take what was refunded before. */
export function leftOf(world: World, charge: Stripe.Charge): number {
  return Math.max(0, charge.amount_captured - charge.amount_refunded - withdrawn(world, charge));
}
