/** Venice as a top-up needs it, within our share of Airtable's requests: purses with their records, and its one row. */
import type { Core } from "../../lib/app.ts";
import { DAY_MS, later } from "../../lib/clock.ts";
import { MILLIS_PER_DUCAT, millisOfDecimal, printDucats, type Millis } from "../../lib/money.ts";
import { airtable } from "../../lib/venice/airtable.ts";
import { venice } from "../../lib/venice/open.ts";
import { PROCESSOR } from "../../lib/processor.ts";
import type { SeenRow } from "../../lib/venice/port.ts";
import { formulaText, veniceTime } from "../../lib/venice/row.ts";

/** What moves ducats from the treasury to the processor; all of it follows from the stored request. */
export type TopUpRow = {
  readonly id: string;
  readonly payer: string;
  readonly millis: Millis;
  readonly createdAt: string;
};

export type Purse = { readonly recordId: string; readonly millis: Millis };

/** Every method throws Unavailable, as the Venice port's do. */
export type Ducats = {
  /** By username; who doesn't exist, or whose purse isn't a number, is left out. @throws Error for a name twice. */
  purses(usernames: readonly string[]): Promise<ReadonlyMap<string, Purse>>;
  findRows(stratagemId: string): Promise<readonly SeenRow[]>;
  readRow(recordId: string): Promise<SeenRow | undefined>;
  /** Creates the inert row; its record id. Not idempotent: look first. */
  plan(row: TopUpRow): Promise<string>;
  /** Once per record. */
  activate(recordId: string): Promise<void>;
  voidRow(row: SeenRow): Promise<void>;
  /** Writes an absolute value over whatever the game may be writing just now: for `--mint` alone. */
  writePurse(recordId: string, millis: Millis): Promise<void>;
};

/** As long as a delivery's row. */
const lifeMs = 30 * DAY_MS;

export function ducats(core: Core): Ducats {
  const request = airtable(core);
  const port = venice(core);
  return {
    async purses(usernames) {
      const matches = usernames.map((name) => `{Username}=${formulaText(name)}`);
      const records = await request("none", (base) =>
        base("CITIZENS")
          .select({ filterByFormula: `OR(${matches.join(",")})`, fields: ["Username", "Ducats"] })
          .firstPage(),
      );
      const purses = new Map<string, Purse>();
      for (const record of records) {
        const username = record.get("Username");
        const purse = millisOfDecimal(record.get("Ducats"));
        if (typeof username !== "string" || purse === undefined) continue;
        if (purses.has(username)) throw new Error(`There are several citizens ${username}: keep one.`);
        purses.set(username, { recordId: record.id, millis: purse });
      }
      return purses;
    },
    findRows: (stratagemId) => port.findRows({ stratagemIds: [stratagemId] }),
    readRow: async (recordId) => (await port.findRows({ recordIds: [recordId] }))[0],
    async plan(row) {
      const records = [{ fields: topUpFields(row) }];
      const [record] = await request("unknown", (base) => base("STRATAGEMS").create(records));
      if (!record) throw new Error("Airtable has made no record");
      return record.id;
    },
    async activate(recordId) {
      await port.activateRows([recordId]);
    },
    voidRow: (row) => port.voidRows([row]),
    async writePurse(recordId, millis) {
      const fields = { Ducats: Number(millis) / Number(MILLIS_PER_DUCAT) };
      await request("unknown", (base) => base("CITIZENS").update([{ id: recordId, fields }]));
    },
  };
}

function topUpFields(row: TopUpRow) {
  const createdAt = new Date(row.createdAt);
  const title = `${printDucats(row.millis)} ducats for ${PROCESSOR}`;
  return {
    StratagemId: row.id,
    Type: "transfer_ducats",
    Variant: "instant",
    Category: "economic",
    Name: title,
    Description: `Top-up: ${title}, from ${row.payer}.`,
    ExecutedBy: row.payer,
    TargetCitizen: PROCESSOR,
    Status: "planned",
    ExpiresAt: later(createdAt, lifeMs).toISOString(),
    Notes: JSON.stringify({
      source: "cascade_payment_processor",
      payment_type: "reserve_top_up",
      amount: Number(row.millis / MILLIS_PER_DUCAT),
      reason: `CASCADE top-up ${row.id}`,
      created_at: row.createdAt,
      venice_time: veniceTime(createdAt),
      replenishment_id: row.id,
    }),
  };
}
