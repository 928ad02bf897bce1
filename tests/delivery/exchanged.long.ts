/** What the sum of all rows must not hide: equal rows exchanged, strangers in between, one among ten thousand. */
import { afterEach, describe, expect, test } from "vitest";
import { SECOND_MS } from "../../lib/clock.ts";
import { runOnce } from "../../lib/delivery/run.ts";
import { asActive, asExecuted, minutes, processor, purse, veniceRows } from "../support/delivering.ts";
import { useWatched, type Active } from "../support/watching.ts";
import { appAt, booksBalance, newCustomer, useWorld, type Customer } from "../support/world.ts";

const world = useWorld();
const { clock, status, alertsOf, openAlerts, pass, run, settled } = useWatched(world);
const thiefsCitizen = "BarnabottoLuca";

function forge({ row }: Active, fields: Record<string, unknown>): void {
  world.airtable.forge("STRATAGEMS", row.id, fields);
}

async function balancesOf({ id }: Customer) {
  const [balances] = await world.database.rows("select wallet, transit from balances where account_id = $1", [
    id,
  ]);
  return { wallet: balances?.["wallet"], transit: balances?.["transit"] };
}

const fieldsOf = ({ deliveryId }: Active) => veniceRows(world, deliveryId)[0]?.fields;

describe("a victim's row forged to executed, while the thief is paid and sets his own back", () => {
  const cents = (amountCents: number) => ({ amountCents });
  test.each([
    ["equal rows, seen only at the end", [cents(1_000)], [cents(1_000)], 0],
    ["equal rows, looked at in between", [cents(1_000)], [cents(1_000)], 1],
    ["two of his for one of a victim's", [cents(1_000), cents(1_500)], [cents(2_500)], 0],
    ["one of his for two of victims'", [cents(3_000)], [cents(1_000), cents(2_000)], 0],
  ])("%s: nobody's ends by itself, he is paid once", async (_, his, theirs, looks) => {
    const thefts: Active[] = [];
    const victims: Active[] = [];
    for (const input of his) thefts.push(await settled(input, thiefsCitizen));
    for (const input of theirs) victims.push(await settled(input));
    const honest = await settled({ pack: "explorer" }, "LaceWeaverOrsola");
    const before = purse(world, thiefsCitizen);
    pass(30 * SECOND_MS);
    for (const victim of victims) forge(victim, asExecuted(victim.row));
    await world.airtable.runGame();
    if (looks > 0) await runOnce(appAt(clock), 100);
    const paid = purse(world, thiefsCitizen) - before;
    pass(5 * SECOND_MS);
    for (const theft of thefts) forge(theft, asActive(theft.row));
    await run();
    await world.airtable.runGame();
    await run(5);
    pass(minutes(40));
    await run();
    expect(purse(world, thiefsCitizen) - before).toBe(paid);
    for (const theft of thefts) {
      expect(await status(theft.deliveryId)).toBe("uncertain");
      expect(await alertsOf(theft.deliveryId)).not.toEqual([]);
      expect(await balancesOf(theft.customer)).toMatchObject({ wallet: "0" });
    }
    for (const victim of victims) expect(await status(victim.deliveryId)).toBe("uncertain");
    // Larger than all that is in doubt: without it the purse could not have moved so far.
    if (looks === 0) expect(await status(honest.deliveryId)).toBe("executed");
    await booksBalance(world);
  });
});

test("paid and then deleted: the disagreement has every row read by its id; the others of that run conclude", async () => {
  const gone = await settled();
  const other = await settled({ pack: "explorer" });
  await world.airtable.runGame();
  world.airtable.remove("STRATAGEMS", gone.row.id);
  await run(5);
  expect([await status(gone.deliveryId), await status(other.deliveryId)]).toEqual(["uncertain", "executed"]);
  expect(await openAlerts("purse_unexplained")).toEqual([]);
  await booksBalance(world);
});

describe("strangers who pay from the processor's purse", () => {
  test("are named a minute later, with their receiver; what is ours goes on", async () => {
    const active = await settled();
    await world.airtable.strangerSpends(thiefsCitizen, 777);
    await run();
    const [alert] = await world.database.rows(
      "select subject, message from alerts where kind = 'purse_spent_by_stranger' and closed_at is null",
    );
    expect(alert?.["message"]).toContain(`${String(alert?.["subject"])} (executed, to ${thiefsCitizen})`);
    await run(4);
    expect(await openAlerts("purse_unexplained")).toHaveLength(1);
    await world.airtable.runGame();
    expect((await run()).executed).toBe(1);
    expect(await status(active.deliveryId)).toBe("executed");
  });

  test("many of them: ten are named, the others counted, all second rows of ours cancelled", async () => {
    const active = await settled();
    for (let count = 0; count < 12; count += 1) world.airtable.spoil(active.row.id, "double");
    await run();
    const alerts = await world.database.rows(
      "select message from alerts where kind = 'purse_spent_by_stranger' and closed_at is null",
    );
    expect(alerts).toHaveLength(1);
    expect(String(alerts[0]?.["message"]).match(/rec\w+ \(/g)).toHaveLength(10);
    expect(alerts[0]?.["message"]).toContain("and 2 more");
    const before = purse(world, processor);
    await world.airtable.runGame();
    expect(before - purse(world, processor)).toBe(100);
    expect((await run()).executed).toBe(1);
  });
});

describe("many rows", () => {
  let plants = 0;

  /** So many active deliveries of 100 ducats with their rows, written fifty a second as Airtable allows. */
  async function plant(count: number): Promise<Active> {
    const model = await settled();
    const planted = [];
    plants += 1;
    for (let made = 0; made < count; made += 1) {
      if (made % 50 === 0) pass(SECOND_MS);
      const id = `dlv_${plants}${String(made).padStart(19, "0")}`;
      const { id: recordId } = world.airtable.spoil(model.row.id, "double");
      const { fields } = world.airtable.forge("STRATAGEMS", recordId, { StratagemId: `${id}-1` });
      planted.push({ id, record_id: recordId, touched_at: fields["UpdatedAt"] });
    }
    await world.database.rows(
      `insert into deliveries (id, account_id, citizen, millis, transport, status, record_id, touched_at, created_at, next_at, planned_at,
         activated_at, looked_at)
       select p.id, $2, 'RialtoBanker', 100000, 'rows', 'active', p.record_id, p.touched_at, $3, $3, $3, $3,
         $3::timestamptz - random() * interval '1 hour'
       from jsonb_to_recordset($1) as p (id text, record_id text, touched_at timestamptz)`,
      [JSON.stringify(planted), (await newCustomer()).id, clock.now],
    );
    return model;
  }

  afterEach(() => {
    for (const { id } of world.airtable.list("STRATAGEMS")) world.airtable.remove("STRATAGEMS", id);
  });

  async function requests(act: () => Promise<unknown>): Promise<number> {
    world.airtable.faults.forget();
    await act();
    return world.airtable.faults.seen.length;
  }

  test("ten thousand that wait cost six requests a minute; one that is paid among them, two more", async () => {
    const model = await plant(10_000);
    await world.database.rows("update reserve set rows_to = $1", [clock.now]);
    expect(await requests(() => run(5))).toBeLessThanOrEqual(5 * 6);
    const [one] = await world.database.rows(
      "select id, record_id from deliveries where id like 'dlv_1000%' limit 1",
    );
    const row = world.airtable.list("STRATAGEMS").find(({ id }) => id === one?.["record_id"]);
    if (!row) throw new Error("no row in Venice");
    world.airtable.setDucats(processor, purse(world, processor) - 100);
    world.airtable.forge("STRATAGEMS", row.id, asExecuted(row));
    world.airtable.forge("STRATAGEMS", model.row.id, { Name: "mine" });
    expect(await requests(() => run())).toBeLessThanOrEqual(6 + 4);
    expect(await status(model.deliveryId)).toBe("uncertain");
    expect(fieldsOf(model)?.["Status"]).toBe("cancelled");
  });

  test("more changes than one look reads: nothing concludes until all are read, each look going on from the last", async () => {
    const from = new Date(clock.now);
    const model = await plant(2_300);
    await world.database.rows("update reserve set rows_to = $1", [from]);
    const watching = [];
    for (let looks = 0; looks < 3; looks += 1) watching.push((await run()).watching);
    expect(watching).toEqual(["waiting", "waiting", "concluded"]);
    expect(await status(model.deliveryId)).toBe("active");
    expect(await openAlerts("purse_spent_by_stranger")).toEqual([]);
  });
});
