/** Refunded after it had arrived in Venice: fetched back once, in some orders of its events, and with each of them lost. */
import { afterAll, test } from "vitest";
import { refundedAfterDelivery } from "../support/payment-scenarios.ts";
import { holdToOneEnd, usePermutations } from "../support/permuting.ts";
import { useVenice } from "../support/recalling.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
const permutations = usePermutations(world, useVenice(world));

test(refundedAfterDelivery.name, async () => {
  await holdToOneEnd(permutations, refundedAfterDelivery, { all: 0, some: 4, others: 2 }, 1);
});

afterAll(async () => {
  await booksBalance(world);
});
