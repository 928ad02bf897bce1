/** Refunded after it had arrived in Venice, through the webhook: fetched back once, however the events come. */
import { expect, test } from "vitest";
import { cameBack, useRecalled } from "../support/recalling.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
const fetchedBack = useRecalled(world);

test.each([
  ["in their order", [2, 3]],
  ["the other way round, and the payment's once more", [3, 2, 1, 0]],
  ["one of them, twice", [2, 2]],
] as const)("%s", async (_, order) => {
  expect(await fetchedBack(order.map((index) => ({ index, isCopy: true })))).toMatchObject(cameBack);
  await booksBalance(world);
});
