/**
 * The game's routes about citizens, traps included.
 *
 * From VENICE.md: sample citizens on any error; the cache of five minutes with `_cached`; a miss that is 404 first and 200
 * with `citizen: null` for as long as the cache holds; who is not `inVenice` is left out of the list, not of the look-up;
 * a ledger in Markdown, with decimals and "Nobili from City".
 * From the game's public source: who the sample citizens are, that they have no `ducats`; a look-up by name that quotes the
 * name without escaping it, and answers 500 on an error; a ledger that takes an error for "not found".
 */
import { Hono } from "hono";
import type { RecordJson } from "../airtable/base.ts";
import type { Access } from "../airtable/game/access.ts";
import { all, filters, quoted } from "./formula.ts";
import { shown, type Shown } from "./keys.ts";
import type { Losses } from "./losses.ts";

const CACHE_MS = 5 * 60_000;

/** They are in no base; whoever believes them pays a fiction. */
const SAMPLE_CITIZENS: readonly Shown[] = [
  { username: "compagno", firstName: "Compagno", lastName: "Bot", socialClass: "Servant", influence: 0 },
  { username: "marco_polo", firstName: "Marco", lastName: "Polo", socialClass: "Merchant", influence: 100 },
  {
    username: "doge_venice",
    firstName: "Doge",
    lastName: "of Venice",
    socialClass: "Noble",
    influence: 1_000,
  },
].map((citizen) => ({ ...citizen, isAi: true, wallet: "", inVenice: true }));

export type Citizens = { readonly routes: Hono; forget(): void };

export function citizenRoutes(asks: Access, losses: Losses, now: () => Date): Citizens {
  const app = new Hono({ strict: false });
  const cache = new Map<string, { readonly citizen: Shown | null; readonly at: number }>();

  app.get("/citizens", async (context) => {
    try {
      losses.strike("citizens");
      const query = new URL(context.req.url).searchParams;
      const parts = filters(query, ["limit", "offset", "sortfield", "sortdirection"]);
      const found = await asks.list("CITIZENS", all(["{InVenice} = TRUE()", ...parts]));
      return context.json({ success: true, citizens: found.map(shown) });
    } catch {
      return context.json({ success: true, citizens: SAMPLE_CITIZENS, _fallback: true });
    }
  });

  app.get("/citizens/:username", async (context) => {
    const username = context.req.param("username");
    const instant = now().getTime();
    const cached = cache.get(username);
    if (cached !== undefined && instant - cached.at < CACHE_MS)
      return context.json({ success: true, citizen: cached.citizen, _cached: true });
    try {
      losses.strike("citizen");
      const [record] = await asks.list("CITIZENS", `{Username} = "${username}"`, 1);
      const citizen = record === undefined ? null : shown(record);
      cache.set(username, { citizen, at: instant });
      if (citizen !== null) return context.json({ success: true, citizen });
      return context.json({ success: false, error: `No citizen found for username: ${username}` }, 404);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return context.json({ success: false, error: "Failed to fetch citizen data", message }, 500);
    }
  });

  app.get("/get-ledger", async (context) => {
    const username = context.req.query("citizenUsername");
    if (!username)
      return context.json({ success: false, error: "citizenUsername parameter is required" }, 400);
    const record = await find(username).catch(() => undefined);
    if (record === undefined)
      return context.json({ success: false, error: `Citizen ${username} not found` }, 404);
    return context.body(ledger(record), 200, { "content-type": "text/markdown; charset=utf-8" });
  });

  async function find(username: string): Promise<RecordJson | undefined> {
    losses.strike("ledger");
    const [record] = await asks.list("CITIZENS", `{Username} = ${quoted(username)}`, 1);
    return record;
  }

  return { routes: app, forget: () => cache.clear() };
}

/** What of the ledger concerns a purse; the game's own goes on for pages. */
function ledger({ fields }: RecordJson): string {
  const text = (name: string): string => String(fields[name] ?? "");
  const city = fields["InVenice"] === true ? "Venice" : "Unknown";
  return [
    `# ${text("Username")}'s Ledger`,
    "",
    "## My Standing in the Republic",
    `- **I am known as**: ${text("Username")}`,
    `- **Name**: ${text("FirstName")} ${text("LastName")}`,
    `- **Social standing**: ${text("SocialClass")} from ${city}`,
    `- **Ducats**: ${text("Ducats")}`,
    `- **Influence**: ${text("Influence")}`,
    "",
  ].join("\n");
}
