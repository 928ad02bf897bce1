/** However a subscription's events arrive, the books come to one end: every order of up to seven of them. */
import { afterAll, expect, test } from "vitest";
import { useLog } from "../support/log.ts";
import { useSubscribers } from "../support/subscribing.ts";
import { holdSubscriptionToOneEnd } from "../support/subscription-permuting.ts";
import { subscriptionScenarios } from "../support/subscription-scenarios.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
useLog();
const subscribers = useSubscribers(world, "2026-03-10T09:00:00Z");

test.each(subscriptionScenarios)("$name", { timeout: 1_800_000 }, async (scenario) => {
  const limits = { orders: 5_040, others: 24 };
  const { runs, events } = await holdSubscriptionToOneEnd(world, subscribers, scenario, limits);
  process.stdout.write(`${scenario.name}: ${events} events, ${runs} runs\n`);
  expect(runs).toBeGreaterThan(2);
});

afterAll(async () => {
  await booksBalance(world);
});
