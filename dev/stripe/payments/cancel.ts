/** Ends a PaymentIntent without a payment. */
import type { Stripe } from "stripe";
import type { Cause, World } from "../world.ts";

export function cancelIntent(
  world: World,
  cause: Cause,
  intent: Stripe.PaymentIntent,
  reason: Stripe.PaymentIntent.CancellationReason | null,
): void {
  world.challenges.delete(intent.id);
  intent.status = "canceled";
  intent.canceled_at = world.seconds();
  intent.cancellation_reason = reason;
  intent.next_action = null;
  world.emit(cause, "payment_intent.canceled", intent);
}
