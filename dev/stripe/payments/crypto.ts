/** Paying in a stablecoin: it is there at once, in dollars. */
import type { Stripe } from "stripe";
import { createCrypto, type Payer } from "../objects/payment-methods.ts";
import type { World } from "../world.ts";
import { bookTaking, take } from "./capture.ts";
import type { Outcome } from "./checkout.ts";
import { adoptCustomer, complete, intentOf } from "./session-intent.ts";

export function payByCrypto(world: World, session: Stripe.Checkout.Session, payer: Payer): Outcome {
  const intent = intentOf(world, session);
  adoptCustomer(world, session, intent, payer);
  const charge = take(world, { intent, method: createCrypto(world, payer), payer, card: undefined });
  complete(world, session, payer, "paid");
  bookTaking(world, charge);
  return { kind: "paid", paymentIntent: intent };
}
