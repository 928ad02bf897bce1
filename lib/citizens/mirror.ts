/** The mirror of Venice's citizens, for the type-ahead: read page by page, gone on with where a run stopped. */
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import type { App } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { sql } from "../db/port.ts";
import { messageOf, Unavailable } from "../errors.ts";
import type { Citizen } from "../town/port.ts";
import { isOneLine } from "./name.ts";
import { PROCESSOR } from "../processor.ts";

/** Below the platform's 30 seconds, with room for the page in hand. */
const budgetMs = 16 * SECOND_MS;
/** Longer than a run can live. */
const lease = "90 seconds";
/** How old a complete walk may get, a run's own time taken off the hour. */
const age = "55 minutes";

export type RefreshReport = {
  readonly pages: number;
  readonly citizens: number;
  readonly walk: "fresh" | "busy" | "stale" | "kept" | "complete" | "unbelieved";
  /** Why the run ended early; the next one goes on. */
  readonly stopped: string | null;
};

type Ports = Pick<App, "db" | "town" | "clock" | "env">;

const begunColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["fresh", "busy"]) }),
  z.object({ kind: z.literal("begun"), token: z.int(), page: z.string().nullable() }),
]);

/** Safe any number of times at once. @throws what Airtable will refuse again; Unavailable (database). */
export async function refreshCitizens(app: Ports): Promise<RefreshReport> {
  const startedAt = performance.now();
  const { begun } = await app.db.one(
    sql`select begin_citizens_walk(${app.clock()}::timestamptz, ${lease}::interval, ${age}::interval) as begun`,
    z.object({ begun: begunColumn }),
  );
  let report: RefreshReport = { pages: 0, citizens: 0, walk: "kept", stopped: null };
  if (begun.kind !== "begun") return { ...report, walk: begun.kind };
  let { page } = begun;
  while (report.walk === "kept" && performance.now() - startedAt < budgetMs) {
    // Half of our share at most: deliveries go first.
    if (report.pages > 0) await wait((2 * SECOND_MS) / app.env.AIRTABLE_REQUESTS_PER_SECOND);
    let read;
    try {
      read = await app.town.citizens(page);
    } catch (error) {
      if (error instanceof Unavailable) return { ...report, stopped: messageOf(error) };
      if (page === null || report.pages > 0) throw error;
      // Airtable has forgotten where the last run stopped.
      page = null;
      continue;
    }
    const citizens = read.citizens.filter(isSuggestable);
    const walk = await save(app, begun.token, { first: page === null, citizens, next: read.next });
    report = { ...report, pages: report.pages + 1, citizens: report.citizens + citizens.length, walk };
    page = read.next;
  }
  return report;
}

type Page = { readonly first: boolean; readonly citizens: readonly Citizen[]; readonly next: string | null };

async function save({ db, clock }: Ports, token: number, { first, citizens, next }: Page) {
  const wire = JSON.stringify(
    citizens.map(({ username, inVenice, socialClass }) => ({ username, inVenice, socialClass })),
  );
  const { walk } = await db.one(
    sql`select save_citizens(${clock()}::timestamptz, ${token}::bigint, ${first}::boolean, ${wire}::jsonb,
      ${next}) as walk`,
    z.object({ walk: z.enum(["stale", "kept", "complete", "unbelieved"]) }),
  );
  return walk;
}

/** Anyone can write a citizen: what sign-up would refuse, or the database cannot hold, is not suggested. */
function isSuggestable({ username, socialClass }: Citizen): boolean {
  return username !== PROCESSOR && isLine(username) && (socialClass === null || isLine(socialClass));
}

function isLine(text: string): boolean {
  return text.isWellFormed() && text.length <= 100 && text.trim() === text && isOneLine(text);
}
