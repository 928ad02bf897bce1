/** Whose time it is: customers of a test clock live by it, all others by the stand-in's own clock. */
import type { Stripe } from "stripe";
import { Refusal } from "../protocol/errors.ts";
import { idOf } from "../reference.ts";
import type { World } from "../world.ts";

function clockOf(world: World, customerId: string): Stripe.TestHelpers.TestClock | undefined {
  return world.billing.clocks.get(idOf(world.customers.get(customerId)?.test_clock));
}

/** Does the work at the customer's present moment. @throws Refusal while their clock is being advanced. */
export function inTimeOf<T>(world: World, customerId: string, work: () => T): T {
  const clock = clockOf(world, customerId);
  if (!clock) return work();
  if (clock.status === "advancing") {
    throw new Refusal(
      "invalid_request_error",
      "Test clock advancement underway - cannot perform modifications.",
      { status: 429, code: "rate_limit" },
    );
  }
  return world.within(clock.frozen_time, work);
}
