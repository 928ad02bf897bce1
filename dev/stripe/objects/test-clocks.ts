/** Test clocks: a time of their own for the customers made with them. */
import type { Stripe } from "stripe";
import { runDue } from "../billing/due.ts";
import { endSubscription, hasEnded } from "../billing/end.ts";
import { boundary, longest, type Every } from "../billing/interval.ts";
import { everyOf } from "../billing/subscription.ts";
import { invalid, noSuch, Refusal } from "../protocol/errors.ts";
import { page } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import { onItsOwn, type Cause, type World } from "../world.ts";

const KEPT_SECONDS = 30 * 24 * 60 * 60;
const MOST_INTERVALS = 2;
const twoYears: Every = { interval: "year", interval_count: 1 };

function found(world: World, id: string): Stripe.TestHelpers.TestClock {
  const clock = world.billing.clocks.get(id);
  if (!clock) throw noSuch("test_helpers.test_clock", id, "test_clock");
  return clock;
}

/** The shortest interval among the clock's subscriptions says how far it may be advanced at once. */
function furthest(world: World, clock: Stripe.TestHelpers.TestClock): number {
  const intervals = world.billing.subscriptions
    .oldestFirst()
    .filter((each) => each.test_clock === clock.id && !hasEnded(each))
    .map(everyOf);
  const [shortest = twoYears] = intervals.toSorted((left, right) => longest(left) - longest(right));
  return boundary(clock.frozen_time, shortest, MOST_INTERVALS);
}

export function beginAdvance(
  world: World,
  cause: Cause,
  clock: Stripe.TestHelpers.TestClock,
  to: number,
): void {
  if (clock.status === "advancing") {
    throw new Refusal(
      "invalid_request_error",
      "Test clock advancement underway - cannot perform modifications.",
      {
        status: 429,
        code: "rate_limit",
      },
    );
  }
  if (to <= clock.frozen_time) {
    throw invalid("`frozen_time` must be after the test clock's current frozen time.", {
      param: "frozen_time",
    });
  }
  if (to > furthest(world, clock)) {
    throw invalid(
      "Cannot advance a test clock more than two intervals in the future from the shortest subscription in this test " +
        "clock, or two years where there is none.",
      { param: "frozen_time" },
    );
  }
  clock.status = "advancing";
  clock.status_details = { advancing: { target_frozen_time: to } };
  world.emit(cause, "test_helpers.test_clock.advancing", clock);
}

/** Does all that is due on the way. */
export function endAdvance(world: World, clock: Stripe.TestHelpers.TestClock): void {
  const to = clock.status_details.advancing?.target_frozen_time;
  if (to === undefined || !world.billing.clocks.get(clock.id)) return;
  runDue(world, clock.id, to);
  clock.frozen_time = to;
  clock.status = "ready";
  clock.status_details = {};
  world.emit(onItsOwn, "test_helpers.test_clock.ready", clock);
}

/** Its customers go with it. */
function remove(world: World, cause: Cause, clock: Stripe.TestHelpers.TestClock): void {
  for (const subscription of world.billing.subscriptions.oldestFirst()) {
    if (subscription.test_clock !== clock.id || hasEnded(subscription)) continue;
    world.within(clock.frozen_time, () => {
      endSubscription(world, cause, subscription, "cancellation_requested");
    });
  }
  for (const customer of world.customers.oldestFirst()) {
    if (customer.test_clock !== clock.id) continue;
    world.customers.remove(customer.id);
    world.deleted.add({ id: customer.id, object: "customer", deleted: true });
    world.emit(cause, "customer.deleted", customer);
  }
  world.billing.clocks.remove(clock.id);
  world.emit(cause, "test_helpers.test_clock.deleted", clock);
}

export const testClocks = [
  route<Stripe.TestHelpers.TestClockCreateParams>({
    verb: "POST",
    path: "/v1/test_helpers/test_clocks",
    method: "TestClockResource.create",
    supports: ["frozen_time", "name"],
    answers: "test_helpers.test_clock",
    run({ world, cause, params }) {
      const clock = world.billing.clocks.add({
        id: world.id("clock_1", 23),
        object: "test_helpers.test_clock",
        created: world.seconds(),
        deletes_after: world.seconds() + KEPT_SECONDS,
        frozen_time: params.frozen_time,
        livemode: false,
        name: params.name ?? null,
        status: "ready",
        status_details: {},
      });
      world.emit(cause, "test_helpers.test_clock.created", clock);
      return clock;
    },
  }),
  route<Stripe.TestHelpers.TestClockRetrieveParams>({
    verb: "GET",
    path: "/v1/test_helpers/test_clocks/:id",
    method: "TestClockResource.retrieve",
    supports: [],
    answers: "test_helpers.test_clock",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.TestHelpers.TestClockAdvanceParams>({
    verb: "POST",
    path: "/v1/test_helpers/test_clocks/:id/advance",
    method: "TestClockResource.advance",
    supports: ["frozen_time"],
    answers: "test_helpers.test_clock",
    run({ world, id, cause, params }) {
      const clock = found(world, id);
      beginAdvance(world, cause, clock, params.frozen_time);
      world.later(() => {
        endAdvance(world, clock);
      });
      return clock;
    },
  }),
  route<Stripe.TestHelpers.TestClockDeleteParams>({
    verb: "DELETE",
    path: "/v1/test_helpers/test_clocks/:id",
    method: "TestClockResource.del",
    supports: [],
    answers: undefined,
    run({ world, id, cause }) {
      remove(world, cause, found(world, id));
      return { id, object: "test_helpers.test_clock", deleted: true };
    },
  }),
  route<Stripe.TestHelpers.TestClockListParams>({
    verb: "GET",
    path: "/v1/test_helpers/test_clocks",
    method: "TestClockResource.list",
    supports: ["limit", "starting_after", "ending_before"],
    answers: "test_helpers.test_clock",
    run: ({ world, params }) =>
      page(world.billing.clocks.newestFirst(), params, "/v1/test_helpers/test_clocks", "test clock"),
  }),
];
