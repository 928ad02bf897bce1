/** Ends open Checkout Sessions: when asked to, and when their time has come. */
import type { Stripe } from "stripe";
import { onItsOwn, type Cause, type World } from "../world.ts";

export function expireSession(world: World, cause: Cause, session: Stripe.Checkout.Session): void {
  session.status = "expired";
  session.url = null;
  const intent =
    typeof session.payment_intent === "string" ? world.paymentIntents.get(session.payment_intent) : undefined;
  if (intent?.status === "requires_payment_method") {
    intent.status = "canceled";
    intent.canceled_at = world.seconds();
    intent.cancellation_reason = "automatic";
    world.emit(cause, "payment_intent.canceled", intent);
  }
  world.emit(cause, "checkout.session.expired", session);
}

/** Called before anything looks at a session, because no clock runs here by itself. */
export function sweep(world: World): void {
  for (const session of world.sessions.oldestFirst()) {
    if (session.status === "open" && session.expires_at <= world.seconds())
      expireSession(world, onItsOwn, session);
  }
}
