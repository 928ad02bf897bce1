/** Applies a formula to a table's records. */
import type { Base, StoredRecord, Table } from "./base.ts";
import { matches } from "./formula/evaluate.ts";
import type { Value } from "./formula/evaluate.ts";
import { parseFormula } from "./formula/parse.ts";

/** The records in the order they were made. @throws Refusal INVALID_FILTER_BY_FORMULA. */
export function filterRecords(base: Base, table: Table, formula: string, now: Date): StoredRecord[] {
  const records = [...table.records.values()];
  if (formula.trim() === "") return records;
  const expression = parseFormula(formula, new Set(table.fields.keys()));

  function value(record: StoredRecord, name: string): Value {
    const cell = base.cell(table, record, name);
    const kind = table.fields.get(name)?.kind;
    if (cell === undefined) return kind === "checkbox" ? false : null;
    const isDate = kind === "dateTime" || kind === "createdTime" || kind === "lastModifiedTime";
    return isDate ? new Date(String(cell)) : cell;
  }

  return records.filter((record) =>
    matches(expression, {
      id: record.id,
      createdAt: record.createdAt,
      modifiedAt: record.modifiedAt,
      now,
      field: (name) => value(record, name),
    }),
  );
}
