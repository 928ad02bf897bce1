/** The control routes of the Airtable stand-in: for tests over HTTP and for the page. */
import type { Context, Hono } from "hono";
import { z } from "zod";
import { controlPage } from "./control-page.ts";
import { rowDefectSchema } from "./game/defects.ts";
import { gameFaultSchema } from "./game/faults.ts";
import { Refusal } from "./refusal.ts";
import { TABLE_NAMES } from "./schema.ts";
import type { Airtable } from "./start.ts";

const tableSchema = z.enum(TABLE_NAMES);
const runSchema = z.strictObject({ stratagemId: z.string().optional() });
const ducatsSchema = z.strictObject({ ducats: z.number() });
const strangerSchema = z.strictObject({ citizen: z.string().min(1), ducats: z.number() });
const scheduleSchema = z.strictObject({ state: z.enum(["alive", "dead"]) });
const answersSchema = z.strictObject({ when: z.enum(["begun", "done"]) });
const citizenSchema = z.looseObject({ Username: z.string().min(1) });
const fieldsSchema = z.record(z.string(), z.unknown());

/** An empty body counts as `{}`. @throws Refusal 400. */
async function read<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await context.req.text();
  let value: unknown;
  try {
    value = JSON.parse(text === "" ? "{}" : text);
  } catch {
    throw new Refusal(400, "INVALID_REQUEST_BODY", "The body is not JSON.");
  }
  return accept(schema, value);
}

function accept<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Refusal(400, "INVALID_CONTROL_REQUEST", z.prettifyError(parsed.error));
  return parsed.data;
}

/** Adds `/_control` and what is below it. None of it counts against the limit. */
export function mountControl(app: Hono, airtable: Omit<Airtable, "url" | "port" | "close">): void {
  app.get("/_control", (context) =>
    context.html(
      controlPage({
        citizens: airtable.list("CITIZENS"),
        stratagems: airtable.list("STRATAGEMS"),
        gameFaults: airtable.gameFaults.planned(),
        isScheduleDead: airtable.schedule.isDead(),
      }),
    ),
  );
  app.get("/_control/records/:table", (context) =>
    context.json({ records: airtable.list(accept(tableSchema, context.req.param("table"))) }),
  );
  app.patch("/_control/records/:table/:id", async (context) => {
    const table = accept(tableSchema, context.req.param("table"));
    return context.json(airtable.forge(table, context.req.param("id"), await read(context, fieldsSchema)));
  });
  app.delete("/_control/records/:table/:id", (context) => {
    airtable.remove(accept(tableSchema, context.req.param("table")), context.req.param("id"));
    return context.body(null, 204);
  });

  app.post("/_control/stratagems/:id/spoil", async (context) => {
    const { kind } = await read(context, rowDefectSchema);
    return context.json(airtable.spoil(context.req.param("id"), kind));
  });
  app.post("/_control/stranger", async (context) => {
    const { citizen, ducats } = await read(context, strangerSchema);
    return context.json((await airtable.strangerSpends(citizen, ducats)) ?? null);
  });

  app.post("/_control/citizens", async (context) =>
    context.json(airtable.addCitizen(await read(context, citizenSchema)), 201),
  );
  app.put("/_control/citizens/:username/ducats", async (context) => {
    const { ducats } = await read(context, ducatsSchema);
    return context.json(airtable.setDucats(context.req.param("username"), ducats));
  });

  app.post("/_control/game/run", async (context) => {
    const { stratagemId } = await read(context, runSchema);
    return context.json(
      await (stratagemId === undefined ? airtable.runGame() : airtable.runStratagem(stratagemId)),
    );
  });
  app.put("/_control/game/schedule", async (context) => {
    const { state } = await read(context, scheduleSchema);
    if (state === "dead") airtable.schedule.kill();
    else airtable.schedule.revive();
    return context.json({ state });
  });
  app.put("/_control/game/answers", async (context) => {
    const { when } = await read(context, answersSchema);
    airtable.game.tryCreate.answer(when);
    return context.json({ when });
  });
  app.post("/_control/mend", (context) => {
    airtable.mend();
    return context.body(null, 204);
  });
  app.get("/_control/game/faults", (context) => context.json(airtable.gameFaults.planned()));
  app.post("/_control/game/faults", async (context) => {
    const fault = await read(context, gameFaultSchema);
    airtable.gameFaults.plan(fault);
    return context.json(fault, 201);
  });
  app.delete("/_control/game/faults", (context) => {
    airtable.gameFaults.clear();
    return context.body(null, 204);
  });
  app.delete("/_control/limit", (context) => {
    airtable.resetLimit();
    return context.body(null, 204);
  });
}
