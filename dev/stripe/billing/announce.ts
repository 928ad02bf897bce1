/** Changes a stored object and says once what changed, or nothing when nothing did. */
import type { Stripe } from "stripe";
import type { EmittedEvent } from "../shapes/scope.ts";
import { copy, type Cause, type World } from "../world.ts";

export function changeAndTell(
  world: World,
  cause: Cause,
  type: EmittedEvent,
  object: object,
  change: () => void,
): void {
  const before = copy(object);
  change();
  if (JSON.stringify(before) !== JSON.stringify(object)) world.emit(cause, type, object, before);
}

export function changeSubscription(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  change: () => void,
): void {
  changeAndTell(world, cause, "customer.subscription.updated", subscription, change);
}

export function changeInvoice(world: World, cause: Cause, invoice: Stripe.Invoice, change: () => void): void {
  changeAndTell(world, cause, "invoice.updated", invoice, change);
}

export function changeCustomer(
  world: World,
  cause: Cause,
  customer: Stripe.Customer,
  change: () => void,
): void {
  changeAndTell(world, cause, "customer.updated", customer, change);
}
