/** The command may die between any two steps, lose any answer, or be started twice: run again, it is one top-up. */
import { expect, test } from "vitest";
import { advance, Died, minutes, processor, purse, useDeliveries } from "../support/delivering.ts";
import { endPenalty, useWorld } from "../support/world.ts";
import { dyingPorts, treasury, treasuryDucats, useTopUps } from "./replenishing.ts";

const world = useWorld();
const { clock, openAlerts } = useDeliveries(world);
const { ports, topUp, last, audited, rows } = useTopUps(world, clock);

async function stepsOf(kind: "transfer" | "mint"): Promise<number> {
  const { ports: counted, steps } = dyingPorts(ports(), { step: Infinity, side: "after" });
  await topUp(100, kind, counted);
  return steps();
}

/** Runs the command again and again, each some minutes later, until it has come. */
async function untilDone(kind: "transfer" | "mint"): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    advance(clock, minutes(2));
    const { kind: outcome } = await topUp(100, kind);
    await world.airtable.runGame();
    if (outcome === "done") return;
  }
  throw new Error(`still ${String((await last())?.["state"])}`);
}

test.each(["transfer", "mint"] as const)(
  "%s: dead before any step, with and without a run of the game in between",
  async (kind) => {
    const total = await stepsOf(kind);
    await untilDoneOrOver(kind);
    expect(total).toBeGreaterThan(10);
    for (let step = 1; step <= total; step += 1)
      // Before its second half no row is active, and the game has nothing to do.
      for (const gameRuns of step > total / 2 ? [false, true] : [false]) {
        const [before, audits] = [purse(world, processor), (await audited()).length];
        const { ports: dying } = dyingPorts(ports(), { step, side: "before" });
        await expect(topUp(100, kind, dying), `${kind}, ${step}`).rejects.toThrow(Died);
        if (gameRuns) await world.airtable.runGame();
        // A mint that died before its write is ended as failed, and asked for again.
        await untilDone(kind);
        const moved = purse(world, processor) - before;
        expect(moved, `${kind}, ${step}`).toBe(100);
        expect((await audited()).length - audits, `${kind}, ${step}`).toBeGreaterThanOrEqual(1);
        expect(await openAlerts("purse_unexplained")).toEqual([]);
        world.airtable.setDucats(treasury, treasuryDucats);
      }
  },
);

async function untilDoneOrOver(kind: "transfer" | "mint"): Promise<void> {
  await world.airtable.runGame();
  if (kind === "transfer") await untilDone(kind);
}

test.each([
  ["the create's answer is lost", { kind: "drop_after", method: "POST", path: "STRATAGEMS" }],
  ["the create never arrives", { kind: "drop_before", method: "POST", path: "STRATAGEMS" }],
  ["the create is done twice", { kind: "repeat", method: "POST", path: "STRATAGEMS" }],
  ["the activation's answer is lost", { kind: "drop_after", method: "PATCH", path: "STRATAGEMS" }],
  ["the activation never arrives", { kind: "drop_before", method: "PATCH", path: "STRATAGEMS" }],
  [
    "the activation is refused with 503",
    { kind: "status", status: 503, method: "PATCH", path: "STRATAGEMS" },
  ],
  ["the look-up is refused with 429", { kind: "status", status: 429, method: "GET", path: "STRATAGEMS" }],
  ["the purse cannot be read", { kind: "status", status: 500, method: "GET", path: "CITIZENS" }],
] as const)("%s: one transfer", async (_, fault) => {
  const before = purse(world, processor);
  world.airtable.faults.plan(fault);
  await topUp(300).catch(() => undefined);
  world.airtable.faults.clear();
  await endPenalty(world);
  await world.airtable.runGame();
  for (let round = 0; round < 3 && purse(world, processor) === before; round += 1) {
    advance(clock, minutes(2));
    await topUp(300);
    await world.airtable.runGame();
  }
  advance(clock, minutes(2));
  await topUp(300);
  expect(purse(world, processor) - before).toBe(300);
  expect(await last()).toMatchObject({ state: "done" });
  expect(rows().filter(({ fields }) => fields["Status"] !== "planned")).toHaveLength(1);
  expect(await openAlerts("purse_unexplained")).toEqual([]);
});

test("two commands at once: one top-up, and the other says that somebody is at work", async () => {
  const before = purse(world, processor);
  const outcomes = await Promise.all([topUp(400), topUp(400), topUp(400)]);
  expect(outcomes.filter(({ kind }) => kind === "waiting").length).toBeGreaterThanOrEqual(1);
  expect(outcomes.every(({ kind }) => kind === "waiting" || kind === "busy")).toBe(true);
  await world.airtable.runGame();
  expect(purse(world, processor) - before).toBe(400);
  expect(rows()).toHaveLength(1);
});

test("a dead command's lease keeps others away until what it sent has arrived", async () => {
  await expect(
    topUp(500, "transfer", dyingPorts(ports(), { step: 12, side: "before" }).ports),
  ).rejects.toThrow(Died);
  expect((await topUp(500)).kind).toBe("busy");
  advance(clock, 80_000);
  expect((await topUp(500)).kind).toBe("busy");
  advance(clock, 11_000);
  expect((await topUp(500)).kind).toBe("waiting");
  expect(rows()).toHaveLength(1);
});
