/** What becomes of a refund after it was asked for: it arrives, fails, or is canceled in the dashboard. */
import type { Stripe } from "stripe";
import { bookRefund, bookRefundFailure } from "../objects/balance-transactions.ts";
import { copy, onItsOwn, type Cause, type World } from "../world.ts";
import { idOf } from "../reference.ts";

export type FailureReason =
  | "charge_for_pending_refund_disputed"
  | "declined"
  | "expired_or_canceled_card"
  | "lost_or_stolen_card"
  | "unknown";

/** In test mode a refund to a card can be canceled for so long. */
const CANCELABLE_SECONDS = 30 * 60;

/** The refunds of the two asynchronous test cards end by themselves so long after they were made. */
const ASYNCHRONOUS_SECONDS = 60;

export function succeedRefund(world: World, cause: Cause, refund: Stripe.Refund): void {
  if (refund.status !== "pending")
    throw new Error(`${refund.id} is ${refund.status ?? "unknown"}, not pending`);
  const before = copy(refund);
  end(refund, "succeeded");
  refund.balance_transaction = bookRefund(world, refund, chargeOf(world, refund)).id;
  announce(world, cause, refund, before);
}

/** Before or after it seemed to have succeeded; what was booked is booked back, and the charge is owed it again. */
export function failRefund(world: World, cause: Cause, refund: Stripe.Refund, reason: FailureReason): void {
  const before = copy(refund);
  undo(world, refund);
  end(refund, "failed");
  refund.failure_reason = reason;
  announce(world, cause, refund, before);
  world.emit(cause, "refund.failed", refund);
}

/** What the dashboard alone can do, and with refunds to cards alone. */
export function cancelRefund(world: World, cause: Cause, refund: Stripe.Refund): void {
  if (chargeOf(world, refund).payment_method_details?.type !== "card") {
    throw new Error(`${refund.id} goes to no card: it cannot be canceled`);
  }
  if (world.seconds() - refund.created > CANCELABLE_SECONDS) {
    throw new Error(`${refund.id} is older than half an hour: it cannot be canceled any more`);
  }
  const before = copy(refund);
  undo(world, refund);
  end(refund, "canceled");
  refund.failure_reason = "merchant_request";
  announce(world, cause, refund, before);
}

/** Called before anything looks at refunds, because no clock runs here by itself. */
export function settleDueRefunds(world: World): void {
  for (const refund of world.refunds.oldestFirst()) {
    if (world.seconds() - refund.created >= ASYNCHRONOUS_SECONDS) settleByCard(world, refund);
  }
}

/** What the test card the payment was made with says about its refunds. */
function settleByCard(world: World, refund: Stripe.Refund): void {
  const ending = world.cards.get(chargeOf(world, refund).id)?.refund;
  if (ending === "succeeds_later" && refund.status === "pending") succeedRefund(world, onItsOwn, refund);
  if (ending === "fails_later" && refund.status === "succeeded") {
    failRefund(world, onItsOwn, refund, "expired_or_canceled_card");
  }
}

function end(refund: Stripe.Refund, status: "succeeded" | "failed" | "canceled"): void {
  refund.status = status;
  delete refund.pending_reason;
}

function undo(world: World, refund: Stripe.Refund): void {
  if (refund.status !== "pending" && refund.status !== "succeeded") {
    throw new Error(`${refund.id} is ${refund.status ?? "unknown"}: it has ended`);
  }
  if (refund.balance_transaction !== null) {
    refund.failure_balance_transaction = bookRefundFailure(world, refund).id;
  }
  const charge = chargeOf(world, refund);
  charge.amount_refunded -= refund.amount;
  charge.refunded = false;
}

function announce(world: World, cause: Cause, refund: Stripe.Refund, before: object): void {
  world.emit(cause, "refund.updated", refund, before);
  world.emit(cause, "charge.refund.updated", refund, before);
}

function chargeOf(world: World, refund: Stripe.Refund): Stripe.Charge {
  const charge = world.charges.get(idOf(refund.charge));
  if (!charge) throw new Error(`The charge of ${refund.id} is gone`);
  return charge;
}
