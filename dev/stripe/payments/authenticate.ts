/** The holder of a card answers their bank on the hosted page; what goes on then depends on what the session is for. */
import type { Stripe } from "stripe";
import type { World } from "../world.ts";
import { provePayment } from "./card.ts";
import type { Outcome } from "./checkout.ts";
import { proveStoring } from "./setup-checkout.ts";
import { proveSubscriber } from "./subscription-checkout.ts";

/** @returns undefined when no proof is asked for. */
export function authenticate(
  world: World,
  session: Stripe.Checkout.Session,
  completes: boolean,
): Outcome | undefined {
  if (session.status !== "open") return { kind: "closed", status: session.status ?? "unknown" };
  if (session.mode === "subscription") return proveSubscriber(world, session, completes);
  if (session.mode === "setup") return proveStoring(world, session, completes);
  return provePayment(world, session, completes);
}
