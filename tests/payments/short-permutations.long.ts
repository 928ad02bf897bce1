/**
 * However a payment's events arrive, the books come to one end: all orders of few events, some of many. Each event is lost once
 * (complete), and the last of some orders (a sample); our own fetching makes up for it. The long form has all orders.
 */
import { afterAll, test } from "vitest";
import { scenarios } from "../support/payment-scenarios.ts";
import { holdToOneEnd, usePermutations } from "../support/permuting.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
const permutations = usePermutations(world);

test.each(scenarios)("$name", async (scenario) => {
  await holdToOneEnd(permutations, scenario, { all: 24, some: 10, others: 4 }, 1);
});

afterAll(async () => {
  await booksBalance(world);
});
