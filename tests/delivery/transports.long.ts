/** Both ways to Venice keep the same promises. */
import { describe, expect, test } from "vitest";
import { runOnce } from "../../lib/delivery/run.ts";
import { deliveryRow, minutes, pendingDelivery, processor, purse } from "../support/delivering.ts";
import { citizen, transports, useTransports } from "../support/transports.ts";
import { appAt, booksBalance, statusOf, useWorld } from "../support/world.ts";

const world = useWorld();
const kept = "select wallet, transit from balances where account_id = $1";
const { clock, pass, status, alertsOf, begin, end, live } = useTransports(world);

describe.each(transports)("by %s", (transport) => {
  test("arrives once, however many drains there are", async () => {
    const { deliveryId, customer, before } = await begin(transport);
    await end(transport);
    expect(await status(deliveryId)).toBe("executed");
    expect(purse(world, citizen) - before).toBe(100);
    const { deliveries } = await statusOf(customer);
    expect(deliveries).toMatchObject([{ status: "executed", millis: 100_000 }]);
    await booksBalance(world);
  });

  test("the game pays twice: never taken for one payment", async () => {
    const { deliveryId, before } = await begin(transport);
    world.airtable.gameFaults.plan({ kind: "twice" });
    await end(transport);
    expect(purse(world, citizen) - before).toBe(200);
    expect(await status(deliveryId)).toBe("uncertain");
    expect(await alertsOf(deliveryId)).toEqual([{ kind: "delivery_uncertain" }]);
  });

  test("the game dies between debit and credit: a person decides", async () => {
    const { deliveryId, before } = await begin(transport);
    world.airtable.gameFaults.plan({ kind: "background_error", at: "after_debit" });
    await end(transport);
    expect(purse(world, citizen) - before).toBe(0);
    expect(await status(deliveryId)).toBe("uncertain");
    expect((await deliveryRow(world, deliveryId))?.["evidence"]).not.toBeNull();
  });

  test("the purse can't pay: waits, and goes when it can", async () => {
    const { deliveryId, before, reserve } = await begin(transport);
    world.airtable.setDucats(processor, 10);
    await live(transport, 40);
    expect(await status(deliveryId)).toBe("pending");
    world.airtable.setDucats(processor, reserve);
    await end(transport);
    expect(await status(deliveryId)).toBe("executed");
    expect(purse(world, citizen) - before).toBe(100);
  });
});

test("the game stands still for longer than a row lives: worthless by then, back in the wallet", async () => {
  const { deliveryId, customer, before } = await begin("rows");
  world.airtable.schedule.kill();
  await live("rows", 2);
  expect(await status(deliveryId)).toBe("active");
  pass(31 * 24 * minutes(60));
  await end("rows");
  world.airtable.schedule.revive();
  await live("rows", 2);
  expect([await status(deliveryId), purse(world, citizen) - before]).toEqual(["rejected", 0]);
  expect(await world.database.rows(kept, [customer.id])).toEqual([{ wallet: "100000", transit: "0" }]);
});

describe("try-create's own bad days", () => {
  test.each([
    ["the answer is a 504 after the effect", { kind: "status_after", status: 504 }],
    ["the answer is lost after the effect", { kind: "drop_after" }],
    ["the request never arrives", { kind: "drop_before" }],
    ["the game's server is down", { kind: "status", status: 503 }],
    ["the request is done twice", { kind: "repeat" }],
  ] as const)("%s: one credit, or a person decides", async (_, fault) => {
    const { deliveryId, before } = await begin("try_create");
    world.venice.faults.plan({ ...fault, method: "POST", path: "try-create" });
    await end("try_create");
    const credits = (purse(world, citizen) - before) / 100;
    expect([await status(deliveryId), credits]).toEqual(
      fault.kind === "repeat" ? ["uncertain", 2] : ["executed", 1],
    );
    await booksBalance(world);
  });

  test("the answer is later than we wait: one credit, whenever it comes", async () => {
    const { deliveryId, before } = await begin("try_create");
    world.venice.faults.plan({ kind: "latency", latencyMs: 10_500, method: "POST", path: "try-create" });
    await live("try_create", 1);
    expect([await status(deliveryId), purse(world, citizen) - before]).toEqual(["planned", 0]);
    await expect.poll(() => purse(world, citizen) - before, { timeout: 10_000 }).toBe(100);
    await end("try_create");
    expect([await status(deliveryId), purse(world, citizen) - before]).toEqual(["executed", 100]);
    await booksBalance(world);
  });

  test("Airtable refuses the game while it looks the citizens up: asked again, one credit", async () => {
    const { deliveryId, before } = await begin("try_create");
    world.venice.losses.plan({ route: "try-create", times: 2 });
    await end("try_create");
    expect([await status(deliveryId), purse(world, citizen) - before]).toEqual(["executed", 100]);
  });

  test("the row is made and never carried out: worthless when its time is over, back in the wallet", async () => {
    const { deliveryId, customer, before } = await begin("try_create");
    world.airtable.gameFaults.plan({ kind: "stop", at: "before_debit" });
    world.airtable.schedule.kill();
    await end("try_create");
    world.airtable.schedule.revive();
    expect(await status(deliveryId)).toBe("rejected");
    expect(purse(world, citizen)).toBe(before);
    expect(await world.database.rows(kept, [customer.id])).toEqual([{ wallet: "100000", transit: "0" }]);
  });

  test("one after the other: the game writes purses as absolute values", async () => {
    await live("try_create", 1);
    const before = purse(world, citizen);
    for (let count = 0; count < 5; count += 1) await pendingDelivery(world);
    await Promise.all(Array.from({ length: 5 }, () => runOnce(appAt(clock), 100)));
    await end("try_create");
    expect(purse(world, citizen) - before).toBe(500);
    await booksBalance(world);
  });
});
