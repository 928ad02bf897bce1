/** However a subscription's events arrive, the books come to one end. All orders of more than four: orders.long.ts. */
import { afterAll, expect, test } from "vitest";
import { useLog } from "../support/log.ts";
import { useSubscribers } from "../support/subscribing.ts";
import { holdSubscriptionToOneEnd } from "../support/subscription-permuting.ts";
import { subscriptionScenarios } from "../support/subscription-scenarios.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
useLog();
const subscribers = useSubscribers(world, "2026-03-10T09:00:00Z");

test.each(subscriptionScenarios)("$name", { timeout: 60_000 }, async (scenario) => {
  const { runs, events } = await holdSubscriptionToOneEnd(world, subscribers, scenario, {
    orders: 2,
    others: 1,
  });
  process.stdout.write(`${scenario.name}: ${events} events, ${runs} runs\n`);
  expect(runs).toBeGreaterThan(2);
});

afterAll(async () => {
  await booksBalance(world);
});
