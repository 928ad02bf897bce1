/** A top-up is relative, happens once, is explained by the purse, and leaves the deliveries beside it alone. */
import { describe, expect, test } from "vitest";
import { call } from "../support/call.ts";
import {
  advance,
  asExecuted,
  minutes,
  pendingDelivery,
  processor,
  purse,
  useDeliveries,
} from "../support/delivering.ts";
import { booksBalance, useWorld } from "../support/world.ts";
import { treasury, treasuryDucats, useTopUps } from "./replenishing.ts";

const world = useWorld();
const { clock, run, activeDelivery, status, alertsOf, openAlerts } = useDeliveries(world);
const { topUp, last, audited, rows } = useTopUps(world, clock);

const check = () => call("replenishment-check", { method: "POST" });
const calm = async () => {
  expect(await openAlerts("purse_unexplained")).toEqual([]);
  expect(await openAlerts("delivery_uncertain")).toEqual([]);
  await booksBalance(world);
};

describe("nothing else is under way", () => {
  test("the row as the game reads it; the game moves the ducats; the hourly check books it", async () => {
    const before = purse(world, processor);
    const audits = (await audited()).length;
    expect((await topUp(5_000)).kind).toBe("waiting");
    const [row] = rows();
    const { id } = (await last()) ?? {};
    expect(row?.fields).toMatchObject({
      StratagemId: id,
      Type: "transfer_ducats",
      Variant: "instant",
      Category: "economic",
      ExecutedBy: treasury,
      TargetCitizen: processor,
      Status: "active",
    });
    expect(JSON.parse(String(row?.fields["Notes"]))).toMatchObject({ amount: 5_000, replenishment_id: id });
    expect(await last()).toMatchObject({ state: "active", record_id: row?.id, requested_by: "operator" });
    expect((await audited()).slice(audits)).toMatchObject([
      {
        actor: "operator",
        detail: { replenishment: id, millis: 5_000_000, kind: "transfer", payer: treasury },
      },
    ]);
    await world.airtable.runGame();
    expect([purse(world, processor), purse(world, treasury)]).toEqual([
      before + 5_000,
      treasuryDucats - 5_000,
    ]);
    await check();
    expect(await last()).toMatchObject({ state: "done" });
    expect(await audited()).toHaveLength(audits + 1);
    await calm();
  });

  test("looked at again by the command: done, and then a new one may begin", async () => {
    await topUp(1_000);
    expect((await topUp(1_000)).kind).toBe("waiting");
    await world.airtable.runGame();
    expect((await topUp(1_000)).kind).toBe("done");
    expect(rows()).toHaveLength(1);
    expect((await topUp(1_000)).kind).toBe("waiting");
    expect(rows()).toHaveLength(2);
    await world.airtable.runGame();
    await check();
    await calm();
  });

  test("the next delivery run explains it as well, and the delivery concludes", async () => {
    await topUp(1_000);
    await world.airtable.runGame();
    const { deliveryId } = await activeDelivery();
    expect(await last()).toMatchObject({ state: "done" });
    await world.airtable.runGame();
    expect((await run()).executed).toBe(1);
    expect(await status(deliveryId)).toBe("executed");
    await calm();
  });
});

describe("deliveries are under way", () => {
  test.each([
    ["executed in the same run of the game, before them", true],
    ["executed in the same run of the game, after them", false],
  ])("%s: all conclude executed, nothing uncertain or unexplained", async (_, first) => {
    if (first) await topUp(20_000);
    const deliveries = [await activeDelivery(), await activeDelivery({ pack: "noble" }, "LaceWeaverOrsola")];
    if (!first) expect((await topUp(20_000)).kind).toBe("waiting");
    await world.airtable.runGame();
    expect(await run()).toMatchObject({ executed: 2, uncertain: 0 });
    for (const { deliveryId } of deliveries) {
      expect(await status(deliveryId)).toBe("executed");
      expect(await alertsOf(deliveryId)).toEqual([]);
    }
    expect(await last()).toMatchObject({ state: "done" });
    await check();
    await calm();
  });

  test("executed alone: booked at the next minute, the deliveries go on waiting", async () => {
    const { deliveryId } = await activeDelivery();
    await topUp(9_000);
    await world.airtable.runStratagem(String((await last())?.["id"]));
    expect((await topUp(9_000)).kind).toBe("came");
    expect((await run()).watching).toBe("concluded");
    expect(await last()).toMatchObject({ state: "done" });
    expect(await status(deliveryId)).toBe("active");
    await world.airtable.runGame();
    expect((await run()).executed).toBe(1);
    await calm();
  });

  test("five runs, two commands and the hourly check at once, after one run of the game", async () => {
    const { deliveryId } = await activeDelivery();
    await topUp(9_000);
    await world.airtable.runGame();
    advance(clock, minutes(1));
    await Promise.all([
      ...Array.from({ length: 5 }, () => run(0)),
      topUp(9_000),
      topUp(9_000),
      check(),
      check(),
    ]);
    await run(2);
    expect(await status(deliveryId)).toBe("executed");
    expect(await last()).toMatchObject({ state: "done" });
    await calm();
  });

  test("the game dies between its writes: waited for, as without a top-up", async () => {
    const { deliveryId } = await activeDelivery();
    await topUp(9_000);
    world.airtable.gameFaults.plan({ kind: "stop", at: "after_debit", stratagemId: `${deliveryId}-1` });
    await world.airtable.runGame();
    expect((await run()).watching).toBe("waiting");
    expect(await status(deliveryId)).toBe("active");
  });

  test("rows forged to the top-up's sum explain no purse that stands still", async () => {
    const { deliveryId, row } = await activeDelivery();
    await topUp(100);
    world.airtable.forge("STRATAGEMS", row.id, asExecuted(row));
    await run(5);
    expect(await status(deliveryId)).toBe("uncertain");
    expect(await last()).toMatchObject({ state: "active" });
  });

  test("another's money is no top-up of ours: unexplained as before", async () => {
    await activeDelivery();
    await topUp(9_000);
    world.airtable.setDucats(processor, purse(world, processor) + 8_999);
    await run(5);
    expect(await last()).toMatchObject({ state: "active" });
    expect(await openAlerts("purse_unexplained")).toHaveLength(1);
  });

  test("what was kept back for want of ducats goes when the top-up is there", async () => {
    const { deliveryId } = await pendingDelivery(world);
    world.airtable.setDucats(processor, 50);
    await check();
    await world.database.rows("update alerts set closed_at = now() where closed_at is null");
    expect((await run()).sent).toBe(0);
    await topUp(9_000);
    await world.airtable.runGame();
    await run(3);
    await world.airtable.runGame();
    await run();
    expect(await status(deliveryId)).toBe("executed");
    await calm();
    world.airtable.setDucats(processor, 1_000_000);
  });
});

describe("it doesn't come", () => {
  test("the game is dead: it waits, however often one looks, and comes when the game does", async () => {
    world.airtable.schedule.kill();
    const before = purse(world, processor);
    for (let look = 0; look < 3; look += 1) {
      expect((await topUp(2_000)).kind).toBe("waiting");
      await world.airtable.runGame();
      advance(clock, minutes(60));
    }
    expect([rows().length, purse(world, processor)]).toEqual([1, before]);
    world.airtable.schedule.revive();
    await world.airtable.runGame();
    expect((await topUp(2_000)).kind).toBe("done");
    await calm();
  });

  test("the treasury has spent its ducats meanwhile: failed, its row void for good", async () => {
    const before = purse(world, processor);
    await topUp(2_000);
    world.airtable.setDucats(treasury, 10);
    await world.airtable.runGame();
    expect((await topUp(2_000)).kind).toBe("failed");
    expect(rows()[0]?.fields["Status"]).toBe("cancelled");
    world.airtable.setDucats(treasury, treasuryDucats);
    await world.airtable.runStratagem(String((await last())?.["id"]));
    expect(purse(world, processor)).toBe(before);
    expect((await topUp(2_000)).kind).toBe("waiting");
    await calm();
  });

  test.each([
    ["forged to executed", (row: Parameters<typeof asExecuted>[0]) => asExecuted(row)],
    ["altered", () => ({ TargetCitizen: "BarnabottoLuca" })],
    ["in error", () => ({ Status: "error", Notes: "Error during background processing: timeout" })],
  ])("a row that is %s proves nothing: unclear, alerted, and a person decides", async (_, forged) => {
    await topUp(2_000);
    const [row] = rows();
    if (!row) throw new Error("no row");
    world.airtable.forge("STRATAGEMS", row.id, forged(row));
    expect((await topUp(2_000)).kind).toBe("unclear");
    const { id } = (await last()) ?? {};
    expect(await alertsOf(String(id))).toEqual([{ kind: "replenishment_unclear" }]);
    expect((await topUp(2_000)).kind).toBe("unclear");
    expect(rows().length).toBeLessThanOrEqual(1);
    const resolve = (state: string, reason: string) =>
      world.database.rows("select resolve_replenishment(now(), $1, $2, $3)", [id, state, reason]);
    await expect(resolve("failed", "")).rejects.toThrow(/reason/);
    await expect(resolve("lost", "looked")).rejects.toThrow(/done or failed/);
    await resolve("failed", "no ducats moved");
    await expect(resolve("done", "twice")).rejects.toThrow(/not under way/);
    expect(await alertsOf(String(id))).toEqual([]);
    expect(await last()).toMatchObject({ state: "failed", evidence: { reason: "no ducats moved" } });
  });
});

describe("mint", () => {
  test("relative to a fresh reading, read again, booked, in the log", async () => {
    world.airtable.setDucats(processor, 1_234.375);
    await check();
    await world.database.rows("update alerts set closed_at = now() where closed_at is null");
    const audits = (await audited()).length;
    expect(await topUp(5_000, "mint")).toMatchObject({
      kind: "done",
      replenishment: { purseBefore: 1_234_375n, purseAfter: 6_234_375n },
    });
    expect(purse(world, processor)).toBe(6_234.375);
    expect((await audited()).slice(audits)).toMatchObject([{ detail: { kind: "mint", millis: 5_000_000 } }]);
    expect(rows()).toEqual([]);
    await calm();
    world.airtable.setDucats(processor, 1_000_000);
  });

  test("while deliveries are under way: theirs conclude, the mint is explained with them", async () => {
    const { deliveryId } = await activeDelivery();
    expect((await topUp(5_000, "mint")).kind).toBe("came");
    await world.airtable.runGame();
    expect((await run()).executed).toBe(1);
    expect([await status(deliveryId), (await last())?.["state"]]).toEqual(["executed", "done"]);
    await calm();
  });

  test("overtaken by the game: unclear, not written again", async () => {
    const before = purse(world, processor);
    world.airtable.faults.plan({ kind: "drop_after", method: "PATCH", path: "CITIZENS" });
    await expect(topUp(5_000, "mint")).rejects.toThrow();
    world.airtable.setDucats(processor, before - 100);
    advance(clock, minutes(2));
    expect((await topUp(5_000, "mint")).kind).toBe("unclear");
    expect((await topUp(5_000, "mint")).kind).toBe("unclear");
    expect(purse(world, processor)).toBe(before - 100);
  });
});

test("no function of the site may begin, pin, activate, end or decide a top-up", async () => {
  const granted = await world.database.rows(
    `select proname from pg_proc where proname like '%replenish%' or proname in ('burn_millis', 'explained_top_up')
     group by proname having bool_or(has_function_privilege('cascade_app', oid, 'execute'))`,
  );
  expect(granted).toEqual([]);
});
