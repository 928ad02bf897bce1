/** The Venice port over Airtable's SDK, within our share of the base's requests. */
import type AirtableSdk from "airtable";
import type { Core } from "../app.ts";
import { millisOfDecimal, type Millis } from "../money.ts";
import { airtable } from "./airtable.ts";
import { PROCESSOR } from "../processor.ts";
import { ROWS_PER_LOOK, ROWS_PER_WRITE, type RowQuery, type SeenRow, type Venice } from "./port.ts";
import { formulaText, paymentFields, voidedNotes } from "./row.ts";

/** Keeps a formula far below Airtable's 16,000 characters. */
const rowsPerRead = 100;
/** How many pages of changed rows one look reads: at two requests a second within a run's time. */
const pagesPerLook = 10;

export function venice(core: Core): Venice {
  const request = airtable(core);

  async function read(table: string, matches: readonly string[], fields: string[]) {
    const found: AirtableSdk.Record<AirtableSdk.FieldSet>[] = [];
    for (const some of slices(matches, rowsPerRead)) {
      const filterByFormula = `OR(${some.join(",")})`;
      const pageOf = (base: AirtableSdk.Base) =>
        base(table).select({ filterByFormula, fields, pageSize: ROWS_PER_LOOK }).firstPage();
      found.push(...(await request("none", pageOf)));
    }
    return found;
  }

  return {
    async purses(usernames) {
      const matches = usernames.map((name) => `{Username}=${formulaText(name)}`);
      const purses = new Map<string, Millis>();
      for (const record of await read("CITIZENS", matches, ["Username", "Ducats"])) {
        const username = record.get("Username");
        const purse = millisOfDecimal(record.get("Ducats"));
        if (typeof username === "string" && purse !== undefined) purses.set(username, purse);
      }
      return purses;
    },
    async walletOf(username) {
      const found = await read("CITIZENS", [`{Username}=${formulaText(username)}`], ["Username", "Wallet"]);
      const wallet = found.find((record) => record.get("Username") === username)?.get("Wallet");
      return typeof wallet === "string" && wallet !== "" ? wallet.trim() : null;
    },
    async findRows(query) {
      return (await read("STRATAGEMS", matchesOf(query), rowFields)).map(seen);
    },
    async planRows(rows) {
      const records = rows.map((row) => ({ fields: paymentFields(row) }));
      return (await request("unknown", (base) => base("STRATAGEMS").create(records))).map(seen);
    },
    async changedRows(since) {
      const found: SeenRow[] = [];
      const ours = `OR({ExecutedBy}=${formulaText(PROCESSOR)},FIND("dlv_",{StratagemId})=1)`;
      let from = since;
      for (let page = 0; page < pagesPerLook; page += 1) {
        // The next page begins in the second that the last one ended in: what was read of it is left out.
        const again = found.filter(({ updatedAt }) => updatedAt === from);
        const others = again.map(({ recordId }) => `RECORD_ID()!=${formulaText(recordId)}`);
        const changed = changedSince(from);
        const filterByFormula = `AND(${[ours, changed, ...others].join(",")})`;
        const records = await request("none", (base) =>
          base("STRATAGEMS")
            .select({
              filterByFormula,
              fields: rowFields,
              pageSize: ROWS_PER_LOOK,
              sort: [{ field: "UpdatedAt", direction: "asc" }],
            })
            .firstPage(),
        );
        found.push(...records.map(seen));
        if (records.length < ROWS_PER_LOOK) return { rows: found, isComplete: true };
        from = found.at(-1)?.updatedAt ?? from;
      }
      return { rows: found, isComplete: false };
    },
    async activateRows(recordIds) {
      const records = recordIds.map((id) => ({ id, fields: { Status: "active" } }));
      return (await request("unknown", (base) => base("STRATAGEMS").update(records))).map(seen);
    },
    async voidRows(rows) {
      for (const some of slices(rows, ROWS_PER_WRITE)) {
        const records = some.map(({ recordId, notes }) => ({
          id: recordId,
          fields: { Status: "cancelled", Notes: voidedNotes(notes) },
        }));
        await request("unknown", (base) => base("STRATAGEMS").update(records));
      }
    },
  };
}

function matchesOf(query: RowQuery): string[] {
  if ("recordIds" in query) return query.recordIds.map((id) => `RECORD_ID()=${formulaText(id)}`);
  if ("stratagemIds" in query) return query.stratagemIds.map((id) => `{StratagemId}=${formulaText(id)}`);
  const payee = `{TargetCitizen}=${formulaText(query.paidTo)}`;
  const transfers = `{ExecutedBy}=${formulaText(PROCESSOR)},{Type}="transfer_ducats"`;
  return [`AND(${payee},${transfers},${changedSince(query.since)})`];
}

function changedSince(time: string): string {
  return `NOT(IS_BEFORE({UpdatedAt},DATETIME_PARSE(${formulaText(time)})))`;
}

const rowFields = [
  "StratagemId",
  "Type",
  "ExecutedBy",
  "TargetCitizen",
  "Status",
  "ExecutedAt",
  "ExpiresAt",
  "Notes",
  "UpdatedAt",
];

function seen(record: AirtableSdk.Record<AirtableSdk.FieldSet>): SeenRow {
  const text = (field: string): string => {
    const value = record.get(field);
    return typeof value === "string" ? value : "";
  };
  return {
    recordId: record.id,
    stratagemId: text("StratagemId"),
    type: text("Type"),
    executedBy: text("ExecutedBy"),
    targetCitizen: text("TargetCitizen"),
    status: text("Status"),
    executedAt: text("ExecutedAt") || null,
    expiresAt: text("ExpiresAt") || null,
    notes: text("Notes"),
    updatedAt: text("UpdatedAt"),
  };
}

function* slices<T>(list: readonly T[], size: number): Generator<T[]> {
  for (let start = 0; start < list.length; start += size) yield list.slice(start, start + size);
}
