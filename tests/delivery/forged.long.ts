/** Anyone can write Venice's rows: what a thief writes there never pays him twice, nor in another's stead. */
import { describe, expect, test } from "vitest";
import {
  advance,
  asActive,
  asExecuted,
  asRefused,
  deliveryRow,
  minutes,
  pendingDelivery,
  processor,
  purse,
  useDeliveries,
  veniceRows,
} from "../support/delivering.ts";
import { booksBalance, statusOf, useWorld, type Customer } from "../support/world.ts";

const world = useWorld();
const { clock, run, activeDelivery, status, alertsOf, openAlerts } = useDeliveries(world);
const thiefsCitizen = "BarnabottoLuca";
const inTransit = (millis: number) => ({ walletMillis: 0, transitMillis: millis });

type Active = Awaited<ReturnType<typeof activeDelivery>>;

function forge({ row }: Active, fields: Record<string, unknown>): void {
  world.airtable.forge("STRATAGEMS", row.id, fields);
}

/** What a refused row looks like once we have voided it. */
function voidedFields({ deliveryId }: Active) {
  const [row] = veniceRows(world, deliveryId);
  if (row?.fields["Status"] !== "cancelled") throw new Error("not voided");
  return { Status: "cancelled", Notes: row.fields["Notes"] };
}

async function expectUncertain(
  { deliveryId, customer }: { deliveryId: string; customer: Customer },
  millis: number,
) {
  expect(await status(deliveryId)).toBe("uncertain");
  expect(await alertsOf(deliveryId)).toEqual([{ kind: "delivery_uncertain" }]);
  expect(await statusOf(customer)).toMatchObject(inTransit(millis));
}

describe("two rows of one amount, the unpaid forged to executed and the paid one to refused", () => {
  test.each([
    ["only when all is done", 0],
    ["between the forgeries, too", 1],
  ])("looked at %s: both uncertain, nothing returned, nothing concluded", async (_, looks) => {
    const thief = await activeDelivery({ pack: "starter" }, thiefsCitizen);
    const victim = await activeDelivery({ pack: "starter" });
    const [paid, unpaid] = [purse(world, thiefsCitizen), purse(world, "RialtoBanker")];
    forge(victim, asExecuted(victim.row));
    if (looks > 0) await run(looks);
    await world.airtable.runGame();
    if (looks > 0) await run(looks);
    forge(thief, asRefused(thief.row));
    expect([purse(world, thiefsCitizen) - paid, purse(world, "RialtoBanker") - unpaid]).toEqual([100, 0]);
    await run(40);
    await expectUncertain(thief, 100_000);
    await expectUncertain(victim, 100_000);
    await booksBalance(world);
  });
});

describe("a refused row is void, and its ducats return", () => {
  test("half an hour later, when the purse stood still all the time", async () => {
    const { deliveryId, customer, row } = await activeDelivery();
    world.airtable.forge("STRATAGEMS", row.id, asRefused(row));
    expect(await run()).toMatchObject({ rejected: 0, uncertain: 0 });
    const [voided] = veniceRows(world, deliveryId);
    expect(voided?.fields["Status"]).toBe("cancelled");
    expect(JSON.parse(String(voided?.fields["Notes"]))).toMatchObject({ amount: 0, voided: true });
    await run(29);
    expect(await status(deliveryId)).toBe("active");
    expect(await statusOf(customer)).toMatchObject(inTransit(100_000));
    expect((await run()).rejected).toBe(1);
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000, transitMillis: 0 });
    expect(await openAlerts("delivery_uncertain")).toEqual([]);
    await booksBalance(world);
  });

  test("never, when the purse moves by its amount in the meantime and nothing explains it", async () => {
    const refused = await activeDelivery();
    forge(refused, asRefused(refused.row));
    await run(10);
    world.airtable.setDucats(processor, purse(world, processor) - 100);
    expect((await run()).watching).toBe("waiting");
    expect(await status(refused.deliveryId)).toBe("active");
    await run(4);
    await expectUncertain(refused, 100_000);
    await run(40);
    await expectUncertain(refused, 100_000);
    await booksBalance(world);
  });

  test("never, when it was made active again, paid, and voided again while nobody looked", async () => {
    const thief = await activeDelivery({ pack: "starter" }, thiefsCitizen);
    forge(thief, asRefused(thief.row));
    await run(10);
    const voided = voidedFields(thief);
    forge(thief, asActive(thief.row));
    await world.airtable.runGame();
    forge(thief, { ...voided, ExecutedAt: null });
    await run(40);
    await expectUncertain(thief, 100_000);
  });

  const cents = (amountCents: number) => ({ amountCents });

  test.each([
    ["two rows of others account for one of his", [cents(2_000)], [cents(1_000), cents(1_000)]],
    ["one row of another accounts for two of his", [cents(1_000), cents(2_000)], [cents(3_000)]],
    ["two rows of others account for two of his", [cents(1_500), cents(2_500)], [cents(1_900), cents(2_100)]],
  ])("never, when it was paid meanwhile and, forged to executed, %s", async (_, his, others) => {
    const thefts: Active[] = [];
    for (const input of his) thefts.push(await activeDelivery(input, thiefsCitizen));
    for (const theft of thefts) forge(theft, asRefused(theft.row));
    await run(5);
    const victims: Active[] = [];
    for (const input of others) victims.push(await activeDelivery(input));
    for (const victim of victims) forge(victim, asExecuted(victim.row));
    const voided = thefts.map(voidedFields);
    for (const theft of thefts) forge(theft, asActive(theft.row));
    const [ours, before] = [purse(world, processor), purse(world, thiefsCitizen)];
    await world.airtable.runGame();
    expect(ours - purse(world, processor)).toBe(purse(world, thiefsCitizen) - before);
    thefts.forEach((theft, index) => forge(theft, { ...voided[index], ExecutedAt: null }));
    await run(70);
    for (const theft of thefts) {
      expect(await status(theft.deliveryId)).toBe("uncertain");
      expect(await alertsOf(theft.deliveryId)).toEqual([{ kind: "delivery_uncertain" }]);
      expect(await statusOf(theft.customer)).toMatchObject({ walletMillis: 0 });
    }
    await booksBalance(world);
  });

  test("not before it has stayed void for half an hour: one that was active in between begins anew or is uncertain", async () => {
    const thief = await activeDelivery();
    forge(thief, asRefused(thief.row));
    await run(10);
    const voided = voidedFields(thief);
    forge(thief, asActive(thief.row));
    await run();
    forge(thief, { ...voided, ExecutedAt: null });
    await run(29);
    expect(["active", "uncertain"]).toContain(await status(thief.deliveryId));
    expect(await statusOf(thief.customer)).toMatchObject(inTransit(100_000));
  });
});

test("a refusal first seen while the purse moved is uncertain; what was executed meanwhile still concludes", async () => {
  const executed = await activeDelivery({ pack: "explorer" });
  const refused = await activeDelivery({ pack: "starter" }, thiefsCitizen);
  const before = purse(world, processor);
  world.airtable.setDucats(processor, 600);
  await world.airtable.runGame();
  expect(purse(world, processor)).toBe(75);
  world.airtable.setDucats(processor, before - 525);
  expect(await run()).toMatchObject({ executed: 1, rejected: 0, uncertain: 1 });
  expect(await status(executed.deliveryId)).toBe("executed");
  await run(40);
  await expectUncertain(refused, 100_000);
  await booksBalance(world);
});

describe("an old row under the id of its buyer's next delivery", () => {
  test.each([
    ["as it was executed", "executed", () => ({})],
    [
      "inert again, as if just planned",
      "executed",
      ({ row }: Active) => ({ ...asActive(row), Status: "planned" }),
    ],
    ["still waiting for the game", "active", () => ({})],
  ] as const)(
    "%s: others are sent all the same, he is paid at most once for each",
    async (_, stage, changes) => {
      const old = await activeDelivery({ pack: "starter" }, thiefsCitizen);
      const before = purse(world, thiefsCitizen);
      if (stage === "executed") {
        await world.airtable.runGame();
        expect((await run()).executed).toBe(1);
      }
      const next = await pendingDelivery(world, { pack: "starter" }, thiefsCitizen);
      forge(old, { ...changes(old), StratagemId: `${next.deliveryId}-1` });
      const others = [await pendingDelivery(world), await pendingDelivery(world, { pack: "explorer" })];
      for (let round = 0; round < 3; round += 1) {
        await run();
        advance(clock, minutes(3));
      }
      for (const { deliveryId } of others) {
        expect(await status(deliveryId)).toBe("active");
        expect(veniceRows(world, deliveryId)).toHaveLength(1);
      }
      for (let round = 0; round < 4; round += 1) {
        await world.airtable.runGame();
        advance(clock, minutes(3));
        await run(2);
      }
      const own = await deliveryRow(world, next.deliveryId);
      expect(own?.["record_id"]).not.toBe(old.row.id);
      expect(["pending", "planned", "executed", "uncertain"]).toContain(own?.["status"]);
      const paid = purse(world, thiefsCitizen) - before;
      expect(paid).toBeLessThanOrEqual(200);
      // The row that he renamed is another's no more: frozen, or paid before he touched it.
      const proved = [own?.["status"], await status(old.deliveryId)].filter((each) => each === "executed");
      if (own?.["status"] === "executed") expect(paid).toBe(100 * proved.length);
      if (stage === "executed")
        for (const { deliveryId } of others) expect(await status(deliveryId)).toBe("executed");
      await booksBalance(world);
    },
  );
});
