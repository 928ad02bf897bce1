/** Nothing that a customer bought is lost by any sequence of changes of his tier: many of them. */
import { expect, test } from "vitest";
import { useLog } from "../support/log.ts";
import { useSubscribers } from "../support/subscribing.ts";
import { liveOn } from "../support/subscription-history.ts";
import { useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
useLog();
const subscribers = useSubscribers(world, "2026-01-30T10:00:00Z");

test.each(Array.from({ length: 100 }, (_, index) => index + 1))("history %i", async (seed) => {
  expect(await liveOn(world, subscribers, seed, 40)).toHaveLength(40);
});
