/** By the game's route one goes after the other: a transfer that never comes about holds up nobody for ever. */
import { expect, test } from "vitest";
import { deliveryRow, pendingDelivery } from "../support/delivering.ts";
import { useTransports } from "../support/transports.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
const { live, end, status } = useTransports(world);

test("the game fails at one each time: the next has its turn, and the failure is a try", async () => {
  await live("try_create", 1);
  const sick = await pendingDelivery(world);
  // The next payment's webhook would send it.
  await world.database.rows("update deliveries set next_at = '2100-01-01' where id = $1", [sick.deliveryId]);
  const well = await pendingDelivery(world);
  await world.database.rows("update deliveries set next_at = '1999-01-01' where id = $1", [sick.deliveryId]);
  world.venice.faults.plan({ kind: "status", status: 500, body: sick.deliveryId, times: 99 });
  await end("try_create");
  expect(await status(well.deliveryId)).toBe("executed");
  expect(await deliveryRow(world, sick.deliveryId)).toMatchObject({
    status: expect.stringMatching(/pending|planned/),
    tries: expect.toSatisfy((tries: number) => tries > 0),
  });
  world.venice.faults.clear();
  await end("try_create");
  await end("try_create");
  expect(await status(sick.deliveryId)).toBe("executed");
  await booksBalance(world);
});
