/** A run may die between any two calls of a port: the next ends where it would have ended. */
import { expect, test } from "vitest";
import { reconcileStripe } from "../../lib/reconcile/run.ts";
import { useWorld } from "../support/world.ts";
import { Died, dying, HOUR, MINUTE, useShop, type Death } from "./shop.ts";

const world = useWorld();
const shop = useShop(world);

async function dieAt(death: Death): Promise<number> {
  const { app, steps } = dying(shop.app(), death);
  await reconcileStripe(app).catch((error: unknown) => {
    if (!(error instanceof Died)) throw error;
  });
  return steps();
}

/** A payment, a second one that must go back, a refund, and an order that ran out. */
async function someTrade() {
  const [plain, twice, refunded, left] = [
    await shop.paid(),
    await shop.paid(),
    await shop.paid(),
    await shop.order(),
  ];
  world.stripe.payAgain(twice.sessionId);
  world.stripe.refund(refunded.sessionId);
  shop.advance(2 * HOUR);
  return async (where: string) => {
    expect(await shop.end(plain), where).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
    expect(await shop.end(twice), where).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
    expect(await shop.end(refunded), where).toMatchObject({ status: "paid", wallet: 0, credits: 1 });
    expect(await shop.end(left), where).toMatchObject({ status: "expired", credits: 0 });
    await shop.agrees();
    expect(await shop.ledger("suspense"), where).toBe(0);
  };
}

test("at every call, before and after its effect", async () => {
  const allRight = await someTrade();
  const steps = await dieAt({ step: 1_000, side: "before" });
  expect(steps).toBeGreaterThan(15);
  shop.advance(10 * MINUTE);
  await shop.run();
  await allRight("undisturbed");
  for (let step = 1; step <= steps; step += 1) {
    for (const side of ["before", "after"] as const) {
      const where = `${side} step ${step}`;
      const isRight = await someTrade();
      await dieAt({ step, side });
      shop.advance(10 * MINUTE);
      await shop.run();
      // What the refund of the second payment cost is seen once it is made.
      shop.advance(10 * MINUTE);
      expect((await shop.run()).stopped, where).toBeNull();
      await isRight(where);
    }
  }
  const refunds = world.stripe.world.refunds.oldestFirst();
  expect(refunds).toHaveLength(2 * (2 * steps + 1));
}, 300_000);
