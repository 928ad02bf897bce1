/** Rows that a dead run of the game leaves in between: nobody is paid again, and nobody waits for ever. */
import { describe, expect, test } from "vitest";
import { processor, purse, veniceRows } from "../support/delivering.ts";
import { useWatched } from "../support/watching.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
const { run, settled, activeDelivery, status, alertsOf } = useWatched(world);
const citizen = "RialtoBanker";

describe("a run of the game dies between the credit and the status", () => {
  test("the next run does not pay again: uncertain, its row cancelled before", async () => {
    const { deliveryId } = await settled();
    const before = purse(world, citizen);
    world.airtable.gameFaults.plan({ kind: "stop", at: "after_credit" });
    expect((await world.airtable.runGame()).stopped).toBe(true);
    await run(5);
    await world.airtable.runGame();
    await run(5);
    expect(purse(world, citizen) - before).toBe(100);
    expect(await status(deliveryId)).toBe("uncertain");
    expect(await alertsOf(deliveryId)).toEqual([{ kind: "delivery_uncertain" }]);
    expect(veniceRows(world, deliveryId).map(({ fields }) => fields["Status"])).toEqual(["cancelled"]);
    await booksBalance(world);
  });

  test("one of another amount goes on, and concludes", async () => {
    await settled();
    const other = await settled({ pack: "explorer" }, "LaceWeaverOrsola");
    world.airtable.gameFaults.plan({ kind: "stop", at: "after_credit" });
    await world.airtable.runGame();
    await run(5);
    await world.airtable.runGame();
    await run(1);
    expect(await status(other.deliveryId)).toBe("executed");
  });

  test("a stranger who spends something else stops nothing", async () => {
    const { deliveryId } = await settled();
    world.airtable.setDucats(processor, purse(world, processor) - 99);
    await run(6);
    expect(await status(deliveryId)).toBe("active");
  });
});

test("a row made inert again in the very second of our activation is seen, too", async () => {
  const { deliveryId, row } = await activeDelivery();
  world.airtable.forge("STRATAGEMS", row.id, { Status: "planned" });
  await run(2);
  expect(await status(deliveryId)).toBe("uncertain");
  expect(await alertsOf(deliveryId)).toEqual([{ kind: "delivery_tampered" }]);
});
