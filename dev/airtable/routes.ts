/** Airtable's record routes, below the base's authentication and limit. */
import { Hono } from "hono";
import type { Context } from "hono";
import { z } from "zod";
import type { Base, StoredRecord, Table } from "./base.ts";
import { createListing, readQuery } from "./listing.ts";
import { invalidRecords, invalidRequest, Refusal } from "./refusal.ts";

const MAX_RECORDS = 10;

const fieldsSchema = z.record(z.string(), z.unknown());
const settings = { typecast: z.boolean().default(false), returnFieldsByFieldId: z.literal(false).optional() };
const oneSchema = z.strictObject({ fields: fieldsSchema, ...settings });
const newSchema = z.strictObject({
  records: z
    .array(z.strictObject({ fields: fieldsSchema }))
    .min(1)
    .max(MAX_RECORDS),
  ...settings,
});
const changedSchema = z.strictObject({
  records: z
    .array(z.strictObject({ id: z.string(), fields: fieldsSchema }))
    .min(1)
    .max(MAX_RECORDS),
  ...settings,
});

const NEW_RECORDS =
  'You must provide an array of up to 10 record objects, each with a "fields" object for cell values.';
const CHANGED_RECORDS =
  'You must provide an array of up to 10 record objects, each with an "id" ID field and a "fields" object for cell values.';

async function readBody(context: Context): Promise<Record<string, unknown>> {
  let body: unknown;
  try {
    body = JSON.parse(await context.req.text());
  } catch {
    throw new Refusal(400, "INVALID_REQUEST_BODY", "Could not parse request body");
  }
  const parsed = fieldsSchema.safeParse(body);
  if (!parsed.success) throw new Refusal(422, "INVALID_REQUEST_BODY", "Could not parse request body");
  return parsed.data;
}

function readOne(body: Record<string, unknown>): z.output<typeof oneSchema> {
  if (!("fields" in body)) {
    throw new Refusal(
      422,
      "INVALID_REQUEST_MISSING_FIELDS",
      'Could not find field "fields" in the request body',
    );
  }
  const parsed = oneSchema.safeParse(body);
  if (!parsed.success) throw invalidRequest(parsed.error.issues[0]?.path.join("."));
  return parsed.data;
}

function readMany<T>(schema: z.ZodType<T>, body: Record<string, unknown>, message: string): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  if (parsed.error.issues.some((issue) => issue.path[0] === "records")) throw invalidRecords(message);
  throw invalidRequest(parsed.error.issues[0]?.path.join("."));
}

/** Routes of one base, to be mounted at `/v0/:baseId`. */
export function recordRoutes(base: Base, now: () => Date): Hono {
  const app = new Hono({ strict: false });
  const list = createListing(base, now);
  const tableOf = (context: Context) => base.table(context.req.param("table") ?? "");

  function recordOf(context: Context, table: Table): StoredRecord {
    return base.record(table, context.req.param("id") ?? "");
  }

  app.get("/:table", (context) =>
    context.json(list(tableOf(context), readQuery(new URL(context.req.url).searchParams))),
  );
  app.post("/:table/listRecords", async (context) => {
    const table = tableOf(context);
    const query = readQuery(new URL(context.req.url).searchParams);
    return context.json(list(table, { ...(await readBody(context)), ...query }));
  });

  app.post("/:table", async (context) => {
    const table = tableOf(context);
    const body = await readBody(context);
    if (!("records" in body)) {
      const { fields, typecast } = readOne(body);
      return context.json(base.show(table, base.insert(table, base.prepare(table, fields, typecast))));
    }
    const { records, typecast } = readMany(newSchema, body, NEW_RECORDS);
    // All are checked before the first is written: one bad record refuses the whole request.
    const prepared = records.map((each) => base.prepare(table, each.fields, typecast));
    return context.json({ records: prepared.map((each) => base.show(table, base.insert(table, each))) });
  });

  async function updateMany(context: Context, replace: boolean): Promise<Response> {
    const table = tableOf(context);
    const { records, typecast } = readMany(changedSchema, await readBody(context), CHANGED_RECORDS);
    if (new Set(records.map((each) => each.id)).size !== records.length) {
      throw invalidRecords("You cannot update the same record multiple times in a single request.");
    }
    const work = records.map(({ id, fields }) => {
      const record = table.records.get(id);
      if (record === undefined) {
        throw new Refusal(422, "ROW_DOES_NOT_EXIST", `Record ID ${id} does not exist`);
      }
      return { record, prepared: base.prepare(table, fields, typecast) };
    });
    for (const { record, prepared } of work) base.write(record, prepared, replace);
    return context.json({ records: work.map(({ record }) => base.show(table, record)) });
  }
  app.patch("/:table", (context) => updateMany(context, false));
  app.put("/:table", (context) => updateMany(context, true));

  app.delete("/:table", (context) => {
    const table = tableOf(context);
    const query = new URL(context.req.url).searchParams;
    const ids = [...query].map(([key, value]) => {
      if (!/^records(\[\d*\])?$/.test(key)) throw invalidRequest(key);
      return value;
    });
    if (ids.length === 0 || ids.length > MAX_RECORDS || new Set(ids).size !== ids.length) {
      throw invalidRecords("You must provide an array of up to 10 record IDs.");
    }
    for (const id of ids) base.record(table, id);
    return context.json({
      records: ids.map((id) => ({ id, deleted: table.records.delete(id) })),
    });
  });

  app.get("/:table/:id", (context) => {
    for (const key of new URL(context.req.url).searchParams.keys()) throw invalidRequest(key);
    const table = tableOf(context);
    return context.json(base.show(table, recordOf(context, table)));
  });
  async function updateOne(context: Context, replace: boolean): Promise<Response> {
    const table = tableOf(context);
    const { fields, typecast } = readOne(await readBody(context));
    const record = recordOf(context, table);
    base.write(record, base.prepare(table, fields, typecast), replace);
    return context.json(base.show(table, record));
  }
  app.patch("/:table/:id", (context) => updateOne(context, false));
  app.put("/:table/:id", (context) => updateOne(context, true));
  app.delete("/:table/:id", (context) => {
    const table = tableOf(context);
    const { id } = recordOf(context, table);
    return context.json({ id, deleted: table.records.delete(id) });
  });
  return app;
}
