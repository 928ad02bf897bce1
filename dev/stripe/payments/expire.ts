/** Ends open Checkout Sessions when they are asked to end. */
import type { Stripe } from "stripe";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";
import { cancelIntent } from "./cancel.ts";

const waiting: readonly string[] = ["requires_payment_method", "requires_action"];

export function expireSession(world: World, cause: Cause, session: Stripe.Checkout.Session): void {
  session.status = "expired";
  session.url = null;
  const intent = world.paymentIntents.get(idOf(session.payment_intent));
  if (intent && waiting.includes(intent.status)) cancelIntent(world, cause, intent, "automatic");
  world.emit(cause, "checkout.session.expired", session);
}
