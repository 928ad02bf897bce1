/** What citizens are told of: each fact once, after it, in words that anyone may read. */
import { describe, expect, test } from "vitest";
import { call } from "../support/call.ts";
import {
  advance,
  fiveDrains,
  minutes,
  pendingDelivery,
  useDeliveries,
  asRefused,
} from "../support/delivering.ts";
import { useLog } from "../support/log.ts";
import { booksBalance, deliver, newCustomer, paidPurchase, statusOf, useWorld } from "../support/world.ts";
import { useNotices } from "./noticing.ts";

const world = useWorld();
useLog();
const { clock, run, activeDelivery, status } = useDeliveries(world);
const { notify, rows, told } = useNotices(world, clock);

test("paid, on the way, arrived: two notifications with the game's own fields", async () => {
  const { purchaseId, deliveryId, customer } = await pendingDelivery(world, { pack: "explorer" });
  clock.now = new Date();
  expect(await notify()).toEqual({ sent: 1, postponed: 0, unsure: 0 });
  const [paid] = told(purchaseId);
  expect(paid).toEqual({
    Citizen: "RialtoBanker",
    Type: "ducats_paid",
    Content:
      "525 ducats for you: paid, and on the way. Your purse has it all when Venice has carried the transfer out.",
    Details: expect.any(String),
    Asset: purchaseId,
    AssetType: "purchase",
    Notes: `${purchaseId}-paid`,
    Status: "unread",
    CreatedAt: expect.stringMatching(/^20/),
    UpdatedAt: expect.any(String),
  });
  expect(JSON.parse(String(paid?.["Details"]))).toEqual({
    ...{ source: "cascade_payment_processor", notice: `${purchaseId}-paid`, event: "paid", ducats: 525 },
  });
  expect(told(deliveryId)).toEqual([]);

  await run(2);
  await world.airtable.runGame();
  expect(told(deliveryId)).toEqual([]);
  expect((await run()).executed).toBe(1);
  expect(await notify()).toMatchObject({ sent: 1 });
  expect(told(deliveryId)).toMatchObject([
    {
      Citizen: "RialtoBanker",
      Type: "ducats_arrived",
      Content: "525 ducats for you: arrived in your purse.",
      Asset: `${deliveryId}-1`,
      AssetType: "stratagem",
      Notes: `${deliveryId}-arrived`,
      CreatedAt: clock.now.toISOString(),
    },
  ]);
  // Nothing that is nobody else's business: anyone can read it.
  const everything = JSON.stringify(world.airtable.list("NOTIFICATIONS"));
  for (const secret of [customer.email, customer.id, "@", "$", "USD", "5000", "50.00", "cs_", "pi_", "evt_"])
    expect(everything).not.toContain(secret);
  expect(await notify()).toEqual({ sent: 0, postponed: 0, unsure: 0 });
});

test("returned: told when the ducats are back, and not before", async () => {
  const { deliveryId, customer, row } = await activeDelivery();
  world.airtable.forge("STRATAGEMS", row.id, asRefused(row));
  await run();
  expect(await rows(deliveryId)).toEqual([]);
  advance(clock, minutes(31));
  expect((await run()).rejected).toBe(1);
  expect((await statusOf(customer)).walletMillis).toBe(100_000);
  await notify();
  expect(told(deliveryId)).toMatchObject([
    {
      Type: "ducats_returned",
      Content:
        "100 ducats for you could not be transferred, and went back to the CASCADE wallet that it came from.",
    },
  ]);
});

describe("cancelled before it was sent", () => {
  const cancel = (deliveryId: string) =>
    world.database.rows("update deliveries set status = 'cancelled', concluded_at = $2 where id = $1", [
      deliveryId,
      clock.now,
    ]);

  test("told where it had been told that it is on its way", async () => {
    const { purchaseId, deliveryId } = await pendingDelivery(world);
    clock.now = new Date();
    await notify();
    await cancel(deliveryId);
    await notify();
    expect(told(purchaseId)).toHaveLength(1);
    expect(told(deliveryId)).toMatchObject([
      {
        Type: "ducats_cancelled",
        Content: "100 ducats for you: held back, because the payment is disputed or going back.",
        Asset: `${deliveryId}-1`,
        AssetType: "stratagem",
      },
    ]);
  });

  test("not where it goes on before that is written", async () => {
    const { deliveryId } = await pendingDelivery(world);
    clock.now = new Date();
    await notify();
    await cancel(deliveryId);
    await world.database.rows("update deliveries set status = 'pending', concluded_at = null where id = $1", [
      deliveryId,
    ]);
    await notify();
    expect(told(deliveryId)).toEqual([]);
    expect(await rows(deliveryId)).toMatchObject([{ kind: "cancelled", state: "given_up" }]);
  });

  test("not a word where nobody had been told", async () => {
    const { purchaseId, deliveryId } = await pendingDelivery(world);
    clock.now = new Date();
    await cancel(deliveryId);
    expect(await notify()).toMatchObject({ sent: 0 });
    expect([...told(purchaseId), ...told(deliveryId)]).toEqual([]);
    expect(await rows(purchaseId)).toMatchObject([{ kind: "paid", state: "given_up" }]);
  });
});

describe("once", () => {
  test("Stripe says it three times, each twice at once: one notice", async () => {
    const customer = await newCustomer();
    const { purchaseId, completed, succeeded } = await paidPurchase(world, customer);
    const answers = await Promise.all(
      [completed, completed, succeeded, succeeded].map((event) => deliver(event)),
    );
    for (const answer of answers) await answer.afterwards;
    await (
      await deliver(completed)
    ).afterwards;
    expect(await rows(purchaseId)).toHaveLength(1);
  });

  test("five workers conclude at once: one notice", async () => {
    const { deliveryId } = await activeDelivery();
    await world.airtable.runGame();
    advance(clock, minutes(1));
    await fiveDrains(clock);
    await fiveDrains(clock);
    expect(await status(deliveryId)).toBe("executed");
    expect(await rows(deliveryId)).toMatchObject([{ kind: "arrived" }]);
  });

  test("a person decides on an uncertain one: told then, once", async () => {
    const { deliveryId } = await activeDelivery();
    await world.database.rows(
      "update deliveries set status = 'uncertain', concluded_at = now(), evidence = '{}' where id = $1",
      [deliveryId],
    );
    expect(await rows(deliveryId)).toEqual([]);
    await world.database.rows("select resolve_delivery($1, $2, 'arrived', 'seen in the purse')", [
      clock.now,
      deliveryId,
    ]);
    expect(await rows(deliveryId)).toMatchObject([{ kind: "arrived" }]);
  });
});

describe("not told", () => {
  test("ducats that stay in the wallet", async () => {
    const { purchaseId, completed } = await paidPurchase(world, await newCustomer(), {
      pack: "starter",
      deliverTo: "wallet",
    });
    await (
      await deliver(completed)
    ).afterwards;
    expect(await rows(purchaseId)).toEqual([]);
  });

  test("a debt that was repaid, or the part of the purchase that repaid it", async () => {
    const customer = await newCustomer();
    const opened = await paidPurchase(world, customer);
    const pay = (repaid: number) =>
      world.database.rows(
        "update purchases set status = 'paid', paid_at = now(), repaid_millis = $2 where id = $1",
        [opened.purchaseId, repaid],
      );
    await pay(99_500);
    expect(await rows(opened.purchaseId)).toEqual([]);
    await world.database.rows("update purchases set status = 'open', paid_at = null where id = $1", [
      opened.purchaseId,
    ]);
    await pay(40_500);
    await notify();
    expect(told(opened.purchaseId)).toMatchObject([{ Content: expect.stringMatching(/^59 ducats for you/) }]);
  });

  test("'on their way', when they have arrived by then", async () => {
    const { purchaseId, deliveryId } = await activeDelivery();
    await world.airtable.runGame();
    expect((await run()).executed).toBe(1);
    expect(await notify()).toMatchObject({ sent: 1 });
    expect(told(purchaseId)).toEqual([]);
    expect(await rows(purchaseId)).toMatchObject([{ state: "given_up" }]);
    expect(told(deliveryId)).toHaveLength(1);
  });
});

test("a notice that can't be queued costs nobody his ducats: settled, delivered, the books balance", async () => {
  await world.database.rows("alter table venice_notices add constraint broken check (false) not valid");
  try {
    const { deliveryId, purchaseId, customer } = await activeDelivery();
    await world.airtable.runGame();
    expect((await run()).executed).toBe(1);
    expect(await status(deliveryId)).toBe("executed");
    expect((await statusOf(customer)).purchases[0]).toMatchObject({ id: purchaseId, status: "paid" });
    expect([...(await rows(purchaseId)), ...(await rows(deliveryId))]).toEqual([]);
    await booksBalance(world);
  } finally {
    await world.database.rows("alter table venice_notices drop constraint broken");
  }
});

test("Airtable takes no notifications: what was paid is delivered all the same", async () => {
  world.airtable.faults.plan({ kind: "status", status: 403, path: "NOTIFICATIONS", times: 100 });
  const { deliveryId } = await activeDelivery();
  expect((await call("notify-citizens", { method: "POST" })).status).toBe(200);
  await world.airtable.runGame();
  expect((await run()).executed).toBe(1);
  expect(await status(deliveryId)).toBe("executed");
});
