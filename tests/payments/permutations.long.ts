/**
 * However a payment's events arrive, the books come to one end: every order of up to seven events, thousands repeated, late or lost.
 * Lost and fetched by ourselves: each event, complete; in every order of the others where there are at most five events, in 240
 * orders where there are more.
 */
import { afterAll, test } from "vitest";
import { scenarios } from "../support/payment-scenarios.ts";
import { holdToOneEnd, usePermutations } from "../support/permuting.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld({ DATABASE_DRIVER: "pg" });
const permutations = usePermutations(world);
const hourMs = 3_600_000;

test.each(scenarios)(
  "$name",
  async (scenario) => {
    const { orders, seconds } = await holdToOneEnd(
      permutations,
      scenario,
      { all: 5_040, some: 0, others: 240 },
      2,
    );
    process.stdout.write(`${scenario.name}: ${orders} in ${Math.round(seconds)} s\n`);
  },
  hourMs,
);

afterAll(async () => {
  await booksBalance(world);
});
