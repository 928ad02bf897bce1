/** `npm run venice:replenish`, as the operator runs it: what it says, what it asks, what it refuses. */
import { expect, test } from "vitest";
import { survey } from "../../cli/venice/replenish.ts";
import { processor, purse, useDeliveries } from "../support/delivering.ts";
import { useWorld } from "../support/world.ts";
import { runCommand, treasury, useTopUps } from "./replenishing.ts";

const world = useWorld();
const { clock } = useDeliveries(world);
const { ports, rows } = useTopUps(world, clock);

test("asks, shows, refuses another, acts, and looks", async () => {
  const before = purse(world, processor);
  const asked = await runCommand(world, ["--amount", "700"]);
  expect(asked).toMatchObject({ complained: "", exitCode: 1 });
  expect(asked.said).toContain(`${treasury} transfers 700 ducats`);
  expect(asked.said).toContain("Nothing was changed.");
  expect((await survey(ports(), treasury)).atHand).toBeNull();
  const acted = await runCommand(world, ["--amount", "700", "--yes"]);
  expect(acted).toMatchObject({ complained: "", exitCode: 0 });
  expect(acted.said).toMatch(/rpl_[0-9a-z]{20} is active and waits/);
  const other = await runCommand(world, ["--amount", "701", "--yes"]);
  expect(other.exitCode).toBe(1);
  expect(other.complained).toContain("Another one begins when");
  await world.airtable.runGame();
  expect((await runCommand(world, [])).said).toContain("is done: the purse shows it");
  expect(purse(world, processor) - before).toBe(700);
});

test("--mint warns, and says what was there before and what is there after", async () => {
  world.airtable.setDucats(processor, 1_000);
  await world.database.rows("update reserve set purse_millis = 1000000");
  const asked = await runCommand(world, ["--amount", "50", "--mint"]);
  expect(asked.exitCode).toBe(1);
  expect(asked.said).toContain("WARNING: it races with the game");
  expect(asked.said).toContain("Type the amount again");
  const acted = await runCommand(world, ["--amount", "50", "--mint", "--yes"]);
  expect(acted).toMatchObject({ complained: "", exitCode: 0 });
  expect(acted.said).toContain("The purse was 1,000 ducats, 1,050 were written.");
  expect(purse(world, processor)).toBe(1_050);
  world.airtable.setDucats(processor, 1_000_000);
});

test.each([
  ["no number", ["--amount", "many"], {}, /whole ducats/],
  ["a fraction", ["--amount", "1.5"], {}, /whole ducats/],
  ["nothing", ["--amount", "0"], {}, /whole ducats/],
  ["less than nothing", ["--amount=-5"], {}, /whole ducats/],
  ["too much", ["--amount", "1000001"], {}, /whole ducats/],
  ["more than the treasury has", ["--amount", "186251"], {}, /186,250 ducats: too few/],
  [
    "a treasury that isn't there",
    ["--amount", "5"],
    { TREASURY_CITIZEN: "Nobody" },
    /Nobody is not in Venice/,
  ],
  ["no treasury", ["--amount", "5"], { TREASURY_CITIZEN: "" }, /Set TREASURY_CITIZEN/],
  ["the processor as treasury", ["--amount", "5"], { TREASURY_CITIZEN: processor }, /itself/],
  ["a mint without an amount", ["--mint"], {}, /How much/],
] as const)("refuses %s, and changes nothing", async (_, args, variables, why) => {
  const refused = await runCommand(world, [...args, "--yes"], variables);
  expect(refused.exitCode).toBe(1);
  expect(refused.complained).toMatch(why);
  expect(rows()).toEqual([]);
});

test("the functions' own login may not", async () => {
  const refused = await runCommand(world, ["--amount", "5", "--yes"], {
    MIGRATION_DATABASE_URL: world.database.appUrl,
  });
  expect(refused.exitCode).toBe(1);
  expect(refused.complained).toMatch(/owner tops up/);
});
