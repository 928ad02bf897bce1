/** A worker dies between any two steps, by either transport, and a switch between them in mid-flight: one credit. */
import { describe, expect, test } from "vitest";
import { purse } from "../support/delivering.ts";
import { citizen, transports, useTransports } from "../support/transports.ts";
import { booksBalance, endPenalty, useWorld } from "../support/world.ts";

const world = useWorld();
const { status, begin, end, dieAt } = useTransports(world);

describe.each(transports)("by %s", (transport) => {
  test("killed at every step, before and after its effect: one credit", async () => {
    const first = await begin(transport);
    const steps = await dieAt(transport, 1_000, "before");
    await end(transport);
    expect(await status(first.deliveryId)).toBe("executed");
    for (let step = 1; step <= steps; step += 1) {
      for (const side of ["before", "after"] as const) {
        const { deliveryId, before } = await begin(transport);
        await dieAt(transport, step, side);
        await end(transport);
        const seen = { status: await status(deliveryId), credited: purse(world, citizen) - before };
        expect(seen, `${side} step ${step}`).toEqual({ status: "executed", credited: 100 });
      }
    }
    await booksBalance(world);
  }, 180_000);
});

describe("a switch in mid-flight", () => {
  test.each([
    ["rows", "try_create"],
    ["try_create", "rows"],
  ] as const)(
    "from %s to %s, at every step: nothing lost, nothing doubled",
    async (from, to) => {
      await begin(from);
      const steps = await dieAt(from, 1_000, "before");
      await end(from);
      for (let step = 1; step <= steps; step += 1) {
        for (const side of ["before", "after"] as const) {
          const { deliveryId, before } = await begin(from);
          await dieAt(from, step, side);
          await endPenalty(world);
          await end(to);
          const seen = { status: await status(deliveryId), credited: purse(world, citizen) - before };
          expect(seen, `${side} step ${step}`).toEqual({ status: "executed", credited: 100 });
        }
      }
      await booksBalance(world);
    },
    180_000,
  );
});
