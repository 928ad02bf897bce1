/**
 * The game's routes about stratagems, traps included.
 *
 * From VENICE.md: when Airtable refuses, GET answers 200 with an empty list and `_fallbackError`; anyone may PATCH a row's
 * status, and try-create in anybody's name; a refusal of try-create is 200 with `success` false.
 * From the game's public source: GET gives one page of at most 100, the latest executed first, so that what waits is what is
 * cut off; it shows the record's id only where the row has no StratagemId; PATCH takes any field of the row.
 * Our reading: `_fallbackError` for any refusal (the source has it for 422), PATCH by record id or StratagemId (the source has
 * the first), and a PATCH that works (the source writes UpdatedAt along, which Airtable would refuse).
 */
import { Hono } from "hono";
import type { Context } from "hono";
import { z } from "zod";
import type { RecordJson } from "../airtable/base.ts";
import type { Access } from "../airtable/game/access.ts";
import type { TryCreate } from "../airtable/game/try-create.ts";
import { notFound, Refusal } from "../airtable/refusal.ts";
import { all, filters, quoted } from "./formula.ts";
import { fieldName, shown, type Shown } from "./keys.ts";
import type { Losses } from "./losses.ts";

const PAGE = "100";
const RESERVED = ["limit", "offset", "sortfield", "sortdirection", "executedby", "status", "type"];

const patchSchema = z.looseObject({ stratagemId: z.string().min(1) });
const tryCreateSchema = z.object({
  citizenUsername: z.string().min(1),
  stratagemType: z.string().min(1),
  stratagemDetails: z.record(z.string(), z.unknown()).default({}),
});

function stratagem(record: RecordJson): Shown {
  return { stratagemId: record.id, ...shown(record) };
}

export function stratagemRoutes(asks: Access, tryCreate: TryCreate, losses: Losses): Hono {
  const app = new Hono({ strict: false });

  app.get("/stratagems", async (context) => {
    const query = new URL(context.req.url).searchParams;
    const payers = query.getAll("executedBy").map((payer) => `{ExecutedBy} = ${quoted(payer)}`);
    const status = query.get("status");
    const type = query.get("type");
    const filterByFormula = all([
      ...(payers.length > 1 ? [`OR(${payers.join(", ")})`] : payers),
      ...(status ? [`{Status} = ${quoted(status)}`] : []),
      ...(type ? [`{Type} = ${quoted(type)}`] : []),
      ...filters(query, RESERVED),
    ]);
    try {
      losses.strike("stratagems");
      const found = await asks.page("STRATAGEMS", {
        filterByFormula,
        maxRecords: Number.parseInt(query.get("limit") || PAGE, 10),
        sort: [{ field: "ExecutedAt", direction: "desc" }],
      });
      return context.json({ success: true, stratagems: found.map(stratagem) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const said = "Airtable could not process the request formula.";
      return context.json({ success: true, stratagems: [], _fallbackError: true, error: said });
    }
  });

  app.patch("/stratagems", async (context) => {
    const parsed = patchSchema.safeParse(await body(context));
    if (!parsed.success)
      return context.json({ success: false, error: "Missing required field: stratagemId" }, 400);
    const { stratagemId, ...changes } = parsed.data;
    try {
      losses.strike("patch");
      const which = `OR(RECORD_ID() = ${quoted(stratagemId)}, {StratagemId} = ${quoted(stratagemId)})`;
      const [row] = await asks.list("STRATAGEMS", which, 1);
      if (row === undefined) throw notFound();
      const fields = Object.entries(changes).map(([key, value]) => [fieldName(key), value] as const);
      await asks.update("STRATAGEMS", row.id, Object.fromEntries(fields));
      return context.json({ success: true, stratagem: stratagem(await asks.get("STRATAGEMS", row.id)) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const said = `Failed to update stratagem: ${error.message}`;
      return context.json({ success: false, error: said }, error.status as 404 | 422 | 503);
    }
  });

  app.post("/stratagems/try-create", async (context) => {
    const parsed = tryCreateSchema.safeParse(await body(context));
    if (!parsed.success)
      return context.json(
        { success: false, error: "Invalid request payload", details: z.treeifyError(parsed.error) },
        400,
      );
    try {
      losses.strike("try-create");
    } catch {
      // What goes wrong while it looks the two citizens up is a refusal like any other.
      return context.json(await tryCreate.create({ ...parsed.data, stratagemDetails: {} }));
    }
    const answer = await tryCreate.create(parsed.data);
    return answer === undefined ? context.json(gatewayTimeout, 504) : context.json(answer);
  });

  return app;
}

export const gatewayTimeout = {
  success: false,
  error: "Python engine request timed out for transfer_ducats.",
};

async function body(context: Context): Promise<unknown> {
  return JSON.parse(await context.req.text()) as unknown;
}
