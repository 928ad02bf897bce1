/** Random histories of money that comes and goes: the books hold after each step, and agree with Stripe at the end. */
import { test } from "vitest";
import { holdDeliveriesBack } from "../support/holding-back.ts";
import { liveThrough } from "../support/payment-history.ts";
import { useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
holdDeliveriesBack(world);

test.each([1, 2, 3, 4])("history %i", async (seed) => {
  await liveThrough(world, seed, 35);
});
