/** Ends disputes, by the bank's decision or by giving in. */
import type { Stripe } from "stripe";
import { bookReinstatement } from "../objects/balance-transactions.ts";
import type { Cause, World } from "../world.ts";
import { isInquiry, isOpenChargeback } from "./standing.ts";

export type Decision = "won" | "lost" | "warning_closed" | "prevented";

/**
 * The bank decides: a chargeback is won or lost; an inquiry is closed or prevented.
 * @throws Error for a decision that this dispute cannot come to.
 */
export function decide(world: World, cause: Cause, dispute: Stripe.Dispute, decision: Decision): void {
  const fits = decision === "won" || decision === "lost" ? isOpenChargeback(dispute) : isInquiry(dispute);
  if (!fits) throw new Error(`${dispute.id} is ${dispute.status}: it cannot become ${decision}`);
  dispute.status = decision;
  if (decision === "won") {
    // The amount comes back; the fee does not.
    dispute.balance_transactions.push(bookReinstatement(world, dispute));
    dispute.is_charge_refundable = true;
    world.emit(cause, "charge.dispute.funds_reinstated", dispute);
  }
  if (decision === "prevented" && dispute.payment_method_details?.card) {
    dispute.payment_method_details.card.case_type = "block";
  }
  world.emit(cause, "charge.dispute.closed", dispute);
}
