/** Refunded after it had arrived in Venice: every order of its events, repeated, and with one lost, ends in one state. */
import { expect, test } from "vitest";
import { everyOrder, repeated } from "../support/arrival-orders.ts";
import { chanceOf } from "../support/random.ts";
import { cameBack, useRecalled } from "../support/recalling.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
const fetchedBack = useRecalled(world);
const chance = chanceOf(3);

test.each(everyOrder(4).map((order) => ({ order, name: order.join(" ") })))("$name", async ({ order }) => {
  const plain = order.map((index) => ({ index, isCopy: false }));
  const books = await fetchedBack(plain);
  expect(books).toMatchObject(cameBack);
  expect(await fetchedBack(repeated(chance, order))).toEqual(books);
  // The last comes after all, as another event.
  const late = plain.map((arrival, place) => ({ ...arrival, isCopy: place === plain.length - 1 }));
  expect(await fetchedBack(late)).toEqual(books);
  await booksBalance(world);
});
