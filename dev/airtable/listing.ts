/** Lists records page by page, as GET on a table and POST on its `listRecords` do. */
import { z } from "zod";
import type { Base, RecordJson, StoredRecord, Table } from "./base.ts";
import { filterRecords } from "./filter.ts";
import { randomId } from "./ids.ts";
import { invalidRequest, Refusal, unknownField } from "./refusal.ts";
import { VIEW_NAMES } from "./schema.ts";

const MAX_PAGE = 100;

const parametersSchema = z.strictObject({
  pageSize: z.int().min(1).max(MAX_PAGE).default(MAX_PAGE),
  maxRecords: z.int().min(1).optional(),
  offset: z.string().optional(),
  view: z.string().optional(),
  filterByFormula: z.string().default(""),
  fields: z.array(z.string()).optional(),
  sort: z
    .array(z.strictObject({ field: z.string(), direction: z.enum(["asc", "desc"]).default("asc") }))
    .default([]),
  cellFormat: z.literal("json").optional(),
  timeZone: z.string().optional(),
  userLocale: z.string().optional(),
  returnFieldsByFieldId: z.literal(false).optional(),
  // The SDK sends its own switch along when it is told to list by POST.
  method: z.literal("post").optional(),
});

const INTEGER = /^\d{1,9}$/;

/** The query string's own notation: `fields[]=A`, `sort[0][field]=A`, numbers as text. */
export function readQuery(query: URLSearchParams): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  const fields: string[] = [];
  const sort: Record<string, string>[] = [];
  for (const [key, value] of query) {
    const sortKey = /^sort\[(\d{1,2})\]\[(field|direction)\]$/.exec(key);
    if (sortKey?.[1] !== undefined && sortKey[2] !== undefined) {
      const index = Number(sortKey[1]);
      sort[index] = { ...sort[index], [sortKey[2]]: value };
    } else if (/^fields(\[\d*\])?$/.test(key)) {
      fields.push(value);
    } else if (key === "pageSize" || key === "maxRecords") {
      read[key] = INTEGER.test(value) ? Number(value) : value;
    } else if (key === "returnFieldsByFieldId") {
      read[key] = value === "true" ? true : value === "false" ? false : value;
    } else {
      read[key] = value;
    }
  }
  if (fields.length > 0) read["fields"] = fields;
  if (sort.length > 0) read["sort"] = sort;
  return read;
}

export type Page = { records: RecordJson[]; offset?: string };

/** Pages of one listing go over the records it had when it began, as Airtable's iterator does. */
export function createListing(base: Base, now: () => Date): (table: Table, input: unknown) => Page {
  const iterators = new Map<string, { tableId: string; rest: string[] }>();

  function order(table: Table, records: StoredRecord[], sort: { field: string; direction: string }[]): void {
    records.sort((one, other) => {
      for (const { field, direction } of sort) {
        const a = base.cell(table, one, field);
        const b = base.cell(table, other, field);
        if (a === b) continue;
        const sign = direction === "asc" ? 1 : -1;
        // An empty cell comes first, as at Airtable.
        if (a === undefined) return -sign;
        if (b === undefined) return sign;
        if (typeof a === "number" && typeof b === "number") return sign * (a - b);
        return sign * (String(a) < String(b) ? -1 : 1);
      }
      return 0;
    });
  }

  return (table, input) => {
    const parsed = parametersSchema.safeParse(input);
    if (!parsed.success) throw invalidRequest(parsed.error.issues[0]?.path.join("."));
    const { pageSize, maxRecords, offset, view, filterByFormula, fields, sort } = parsed.data;
    if (view !== undefined && !VIEW_NAMES.includes(view)) {
      throw new Refusal(422, "VIEW_NAME_NOT_FOUND", `View ${view} not found`);
    }
    for (const name of [...(fields ?? []), ...sort.map((each) => each.field)]) {
      if (!table.fields.has(name)) throw unknownField(name);
    }
    const matching = filterRecords(base, table, filterByFormula, now());

    let ids: string[];
    if (offset === undefined) {
      order(table, matching, sort);
      ids = matching.slice(0, maxRecords).map((each) => each.id);
    } else {
      const iterator = iterators.get(offset);
      if (iterator?.tableId !== table.id) throw new Refusal(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE");
      ids = iterator.rest;
    }
    const rest = ids.slice(pageSize);
    const records = ids
      .slice(0, pageSize)
      .flatMap((id) => table.records.get(id) ?? [])
      .map((record) => base.show(table, record, fields));
    if (rest[0] === undefined) return { records };
    const next = `${randomId("itr")}/${rest[0]}`;
    iterators.set(next, { tableId: table.id, rest });
    return { records, offset: next };
  };
}
