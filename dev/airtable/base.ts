/** One base in memory: records by table, with the rules of writing them. */
import { readCell } from "./cells.ts";
import type { Cell } from "./cells.ts";
import { modelNotFound, notFound, unknownField } from "./refusal.ts";
import { randomId } from "./ids.ts";
import { SCHEMA, TABLE_NAMES } from "./schema.ts";
import type { Field, TableName } from "./schema.ts";

export type StoredRecord = {
  readonly id: string;
  readonly createdAt: Date;
  modifiedAt: Date;
  cells: Map<string, Cell>;
};

/** A record as the API shows it: empty cells are left out. */
export type RecordJson = { id: string; createdTime: string; fields: Record<string, Cell> };

export type Table = {
  readonly name: TableName;
  readonly id: string;
  readonly fields: Map<string, Field>;
  readonly records: Map<string, StoredRecord>;
};

/** A write that has passed every check and only waits to be carried out. */
type Prepared = Map<string, Cell | undefined>;

export type Base = {
  /** By name (case counts) or `tbl…` id. @throws Refusal 403 for any other. */
  table(nameOrId: string): Table;
  /** @throws Refusal 404. */
  record(table: Table, id: string): StoredRecord;
  /** Checks every value before anything is written. @throws Refusal. */
  prepare(table: Table, fields: Readonly<Record<string, unknown>>, typecast: boolean): Prepared;
  insert(table: Table, prepared: Prepared): StoredRecord;
  /** @param replace PUT's way: what is not named is emptied. */
  write(record: StoredRecord, prepared: Prepared, replace: boolean): void;
  /** The value of any field, computed ones included. */
  cell(table: Table, record: StoredRecord, field: string): Cell | undefined;
  show(table: Table, record: StoredRecord, only?: readonly string[]): RecordJson;
};

/** @param timesTo how exactly the times are shown that Airtable computes. */
export function createBase(now: () => Date, timesTo: "millisecond" | "second" = "millisecond"): Base {
  const tables = TABLE_NAMES.map((name): Table => ({
    name,
    id: randomId("tbl"),
    fields: new Map(Object.entries(SCHEMA[name])),
    records: new Map(),
  }));

  function shown(instant: Date): string {
    const text = instant.toISOString();
    return timesTo === "second" ? text.replace(/\.\d{3}Z$/, ".000Z") : text;
  }

  function cell(table: Table, record: StoredRecord, name: string): Cell | undefined {
    const kind = table.fields.get(name)?.kind;
    if (kind === "createdTime") return shown(record.createdAt);
    if (kind === "lastModifiedTime") return shown(record.modifiedAt);
    return record.cells.get(name);
  }

  return {
    table(nameOrId) {
      const found = tables.find((each) => each.name === nameOrId || each.id === nameOrId);
      if (found === undefined) throw modelNotFound();
      return found;
    },
    record(table, id) {
      const found = table.records.get(id);
      if (found === undefined) throw notFound();
      return found;
    },
    prepare(table, fields, typecast) {
      const prepared: Prepared = new Map();
      const newOptions: (() => void)[] = [];
      for (const [name, value] of Object.entries(fields)) {
        const field = table.fields.get(name);
        if (field === undefined) throw unknownField(name);
        const stored = readCell(name, field, value, typecast, (option) => {
          if (field.kind !== "select") return;
          newOptions.push(() => table.fields.set(name, { ...field, options: [...field.options, option] }));
        });
        prepared.set(name, stored);
      }
      for (const add of newOptions) add();
      return prepared;
    },
    insert(table, prepared) {
      const instant = now();
      const cells = new Map<string, Cell>();
      for (const [name, value] of prepared) if (value !== undefined) cells.set(name, value);
      const record = { id: randomId("rec"), createdAt: instant, modifiedAt: instant, cells };
      table.records.set(record.id, record);
      return record;
    },
    write(record, prepared, replace) {
      const cells = replace ? new Map<string, Cell>() : new Map(record.cells);
      for (const [name, value] of prepared) {
        if (value === undefined) cells.delete(name);
        else cells.set(name, value);
      }
      const changed =
        cells.size !== record.cells.size ||
        [...cells].some(([name, value]) => record.cells.get(name) !== value);
      record.cells = cells;
      if (changed) record.modifiedAt = now();
    },
    cell,
    show(table, record, only) {
      const fields: Record<string, Cell> = {};
      for (const name of table.fields.keys()) {
        if (only !== undefined && !only.includes(name)) continue;
        const value = cell(table, record, name);
        if (value !== undefined) fields[name] = value;
      }
      return { id: record.id, createdTime: shown(record.createdAt), fields };
    },
  };
}
