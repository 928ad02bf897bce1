/** One run of the delivery: first what has arrived, then what waits. Safe any number of times at once. */
import type { App } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { messageOf, Unavailable } from "../errors.ts";
import { deliveryWork } from "./outbox.ts";
import { sendBatch } from "./send.ts";
import { watch } from "./watch.ts";

/** Below the platform's 30 seconds, with room for the step in hand. */
const budgetMs = 16 * SECOND_MS;

export type RunReport = {
  readonly sent: number;
  readonly executed: number;
  readonly rejected: number;
  readonly uncertain: number;
  readonly watching: "nothing" | "concluded" | "waiting" | "stale" | "no_purse";
  /** Why the run ended early; the next one goes on. */
  readonly stopped: string | null;
};

/** Sends at most `limit` deliveries. Venice or Redis away ends the run, with nothing lost. */
export async function runOnce(app: Pick<App, "db" | "venice" | "clock">, limit: number): Promise<RunReport> {
  const startedAt = performance.now();
  let report: RunReport = {
    sent: 0,
    executed: 0,
    rejected: 0,
    uncertain: 0,
    watching: "nothing",
    stopped: null,
  };
  try {
    const work = await deliveryWork(app);
    if (!work.waiting && work.deliveries.length === 0) return report;
    const watched = await watch(app, work);
    report = { ...report, watching: watched.kind };
    if (watched.kind === "concluded")
      report = {
        ...report,
        executed: watched.executed.length,
        rejected: watched.rejected.length,
        uncertain: watched.uncertain.length,
      };
    // While the purse has moved without explanation nothing new is added to what has to be explained.
    if (watched.kind === "waiting" || watched.kind === "no_purse") return report;
    while (report.sent < limit && performance.now() - startedAt < budgetMs) {
      const sent = await sendBatch(app);
      if (sent === 0) break;
      report = { ...report, sent: report.sent + sent };
    }
    return report;
  } catch (error) {
    if (error instanceof Unavailable) return { ...report, stopped: messageOf(error) };
    throw error;
  }
}
