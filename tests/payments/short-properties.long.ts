/** Random histories of money that comes and goes: the books hold after each step, and end where Stripe's objects say. */
import { test } from "vitest";
import { holdDeliveriesBack } from "../support/holding-back.ts";
import { useLog } from "../support/log.ts";
import { proveHistories } from "../support/payment-history.ts";
import { useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
useLog();
holdDeliveriesBack(world);
// They take seconds; one that fails is made smaller, which takes longer.
const quarterMs = 900_000;

test(
  "some histories",
  async () => {
    await proveHistories(world, 10, 40);
  },
  quarterMs,
);
