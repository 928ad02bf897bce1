/** Rows that a dead run of the game leaves in between: nobody is paid again, and nobody waits for ever. */
import { describe, expect, test } from "vitest";
import { runOnce } from "../../lib/delivery/run.ts";
import { deliveryRow, minutes, processor, purse, veniceRows } from "../support/delivering.ts";
import { useWatched } from "../support/watching.ts";
import { appAt, booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
const { clock, pass, run, settled, activeDelivery, status, alertsOf } = useWatched(world);
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

  test.each([
    ["PATCH", "its cancelling is refused"],
    ["GET", "what is to be cancelled cannot be read"],
  ])("%s: %s: the next look does it, before the game comes again", async (method) => {
    const { deliveryId } = await settled();
    const before = purse(world, citizen);
    world.airtable.gameFaults.plan({ kind: "stop", at: "after_credit" });
    await world.airtable.runGame();
    await run(3);
    // The conclusion stands; what follows it does not come through, in this run and the next.
    await failAfterConclusion(method);
    expect(await status(deliveryId)).toBe("uncertain");
    expect(veniceRows(world, deliveryId).map(({ fields }) => fields["Status"])).toEqual(["active"]);
    await run(1);
    await world.airtable.runGame();
    expect(purse(world, citizen) - before).toBe(100);
    expect(veniceRows(world, deliveryId).map(({ fields }) => fields["Status"])).toEqual(["cancelled"]);
    expect((await deliveryRow(world, deliveryId))?.["to_void"]).toBe(false);
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

/** Runs until the delivery is uncertain, each time without what comes after. */
async function failAfterConclusion(method: string): Promise<void> {
  for (let minute = 0; minute < 4; minute += 1) {
    pass(minutes(1));
    const app = appAt(clock);
    let isConcluded = false;
    const venice = new Proxy(app.venice, {
      get:
        (target, name) =>
        async (...given: unknown[]) => {
          const [row] = await world.database.rows<{ yes: boolean }>(
            "select exists (select from deliveries where to_void) as yes",
          );
          isConcluded ||= row?.yes === true;
          if (isConcluded) world.airtable.faults.plan({ kind: "status", status: 503, method, times: 1 });
          return await Reflect.apply(Reflect.get(target, name) as () => Promise<unknown>, target, given);
        },
    });
    await runOnce({ ...app, venice }, 100);
    world.airtable.faults.clear();
  }
}

test("a row made inert again in the very second of our activation is seen, too", async () => {
  const { deliveryId, row } = await activeDelivery();
  world.airtable.forge("STRATAGEMS", row.id, { Status: "planned" });
  await run(2);
  expect(await status(deliveryId)).toBe("uncertain");
  expect(await alertsOf(deliveryId)).toEqual([{ kind: "delivery_tampered" }]);
});
