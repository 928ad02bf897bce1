/** Nothing that a customer bought is lost by any sequence of changes of his tier. */
import { expect, test } from "vitest";
import { useLog } from "../support/log.ts";
import { useSubscribers } from "../support/subscribing.ts";
import { liveOn } from "../support/subscription-history.ts";
import { useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
useLog();
const subscribers = useSubscribers(world, "2026-01-30T10:00:00Z");

test.each([1, 2])("history %i", { timeout: 60_000 }, async (seed) => {
  expect(await liveOn(world, subscribers, seed, 25)).toHaveLength(25);
});
