/** Finds what a person or a test names, or says that it is not there. */
import type { Stripe } from "stripe";
import { intentFor } from "../billing/finalize.ts";
import { sweep } from "../sweep.ts";
import type { World } from "../world.ts";
import { idOf } from "../reference.ts";

export function sessionNamed(world: World, id: string): Stripe.Checkout.Session {
  sweep(world);
  const session = world.sessions.get(id);
  if (!session) throw new Error(`No such Checkout Session: ${id}`);
  return session;
}

/** @param id of the charge itself, of its PaymentIntent, of the invoice or the Checkout Session it paid. */
export function chargeNamed(world: World, id: string): Stripe.Charge {
  sweep(world);
  const invoice = idOf(world.sessions.get(id)?.invoice) || id;
  const intentId =
    idOf(world.sessions.get(id)?.payment_intent) || (intentFor(world, { id: invoice })?.id ?? id);
  const chargeId = idOf(world.paymentIntents.get(intentId)?.latest_charge) || id;
  const charge = world.charges.get(chargeId);
  if (!charge) throw new Error(`No charge is known by ${id}`);
  return charge;
}

export function refundNamed(world: World, id: string): Stripe.Refund {
  sweep(world);
  const refund = world.refunds.get(id);
  if (!refund) throw new Error(`No such refund: ${id}`);
  return refund;
}

export function disputeNamed(world: World, id: string): Stripe.Dispute {
  sweep(world);
  const dispute = world.disputes.get(id);
  if (!dispute) throw new Error(`No such dispute: ${id}`);
  return dispute;
}

export function payoutNamed(world: World, id: string): Stripe.Payout {
  sweep(world);
  const payout = world.payouts.get(id);
  if (!payout) throw new Error(`No such payout: ${id}`);
  return payout;
}
