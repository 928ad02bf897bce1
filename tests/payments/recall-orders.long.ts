/** Refunded after it had arrived in Venice: fetched back once, in every order of its events, repeated, and with any of them lost. */
import { afterAll, test } from "vitest";
import { refundedAfterDelivery } from "../support/payment-scenarios.ts";
import { holdToOneEnd, usePermutations } from "../support/permuting.ts";
import { useVenice } from "../support/recalling.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
const permutations = usePermutations(world, useVenice(world));
const hourMs = 3_600_000;

test(
  refundedAfterDelivery.name,
  async () => {
    await holdToOneEnd(permutations, refundedAfterDelivery, { all: 24, some: 0, others: 24 }, 2);
  },
  hourMs,
);

afterAll(async () => {
  await booksBalance(world);
});
