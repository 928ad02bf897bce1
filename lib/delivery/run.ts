/** One run of the delivery: first what has arrived, then what waits. Safe any number of times at once. */
import type { App } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { messageOf, Unavailable } from "../errors.ts";
import { deliveryWork } from "./outbox.ts";
import { recallOne } from "./recall.ts";
import { sendBatch } from "./send.ts";
import { tryOne } from "./try.ts";
import { watch, type WatchOutcome } from "./watch.ts";

/** Below the platform's 30 seconds, with room for the step in hand. */
const budgetMs = 16 * SECOND_MS;

/** The game carries a transfer out within seconds; a look takes one or two of our turns at Airtable. */
const looksPerTry = 5;

export type RunReport = {
  readonly sent: number;
  readonly executed: number;
  readonly rejected: number;
  readonly uncertain: number;
  readonly watching: "nothing" | "concluded" | "waiting" | "stale" | "no_purse";
  /** Why the run ended early; the next one goes on. */
  readonly stopped: string | null;
};

type Ports = Pick<App, "db" | "venice" | "game" | "clock" | "env" | "newId">;

/** A burst of payments starts hundreds of runs: one look at Venice in so long serves them all. */
const lookEveryMs = 30 * SECOND_MS;

/** Sends at most `limit` deliveries, after a look at Venice when it is due. Venice or Redis away ends the run, with nothing lost. */
export async function runOnce(app: Ports, limit: number, every = lookEveryMs): Promise<RunReport> {
  const startedAt = performance.now();
  const hasTime = () => performance.now() - startedAt < budgetMs;
  let report: RunReport = {
    sent: 0,
    executed: 0,
    rejected: 0,
    uncertain: 0,
    watching: "nothing",
    stopped: null,
  };
  try {
    const work = await deliveryWork(app, every);
    if (!work.waiting && work.deliveries.length === 0) return report;
    if (work.isTurn) report = withWatch(report, await watch(app, work));
    else if (!work.isExplained) report = { ...report, watching: "waiting" };
    // While the purse has moved without explanation, or nobody knows, nothing new is added to what has to be explained.
    if (["waiting", "stale", "no_purse"].includes(report.watching)) return report;
    // What was begun by rows ends by rows, whatever is configured now.
    const game = app.env.VENICE_TRANSPORT === "try_create" ? app.game : undefined;
    while (report.sent < limit && hasTime()) {
      const sent = await sendBatch(app, game === undefined);
      if (sent === 0) break;
      report = { ...report, sent: report.sent + sent };
    }
    if (app.game && report.watching === "concluded" && hasTime()) await recallOne(app, app.game);
    while (game && report.sent < limit && hasTime()) {
      const asked = await tryOne(app, game);
      if (asked === "nothing") break;
      if (asked === "given_back") continue;
      report = { ...report, sent: report.sent + 1 };
      const before = report.executed;
      for (let look = 0; look < looksPerTry && report.executed === before && hasTime(); look += 1)
        report = withWatch(report, await watch(app, await deliveryWork(app, 0)));
      if (report.executed === before) break;
    }
    return report;
  } catch (error) {
    if (error instanceof Unavailable) return { ...report, stopped: messageOf(error) };
    throw error;
  }
}

function withWatch(report: RunReport, watched: WatchOutcome): RunReport {
  if (watched.kind !== "concluded") return { ...report, watching: watched.kind };
  return {
    ...report,
    watching: watched.kind,
    executed: report.executed + watched.executed.length,
    rejected: report.rejected + watched.rejected.length,
    uncertain: report.uncertain + watched.uncertain.length,
  };
}
