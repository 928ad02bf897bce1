/** Finds the customer that a parameter names. */
import type { Stripe } from "stripe";
import { noSuchIn } from "../protocol/errors.ts";
import type { World } from "../world.ts";

/** @throws Refusal naming `param` when there is no such customer. */
export function customerNamed(world: World, id: string, param: string): Stripe.Customer {
  const customer = world.customers.get(id);
  if (!customer) throw noSuchIn(param, "customer", id);
  return customer;
}
