/** The minute's run: deliveries, and the alerts on what a run alone cannot mend. */
import type { App } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { closeAlert, openAlert } from "../operations/alerts.ts";
import { checkLateness } from "./outbox.ts";
import { runOnce, type RunReport } from "./run.ts";

/** More than our share of Airtable lets one run send; the budget of time ends it earlier. */
const deliveriesPerRun = 100;
/** Each minute's run looks, but not beside a look that a payment has just begun. */
const lookEveryMs = 10 * SECOND_MS;
const alert = { kind: "delivery_run_failed", subject: "deliver-ducats" };

/** @throws what the run threw, after the alert was opened: Venice refuses us, or a mistake of ours. */
export async function runScheduled(
  app: Pick<App, "db" | "venice" | "game" | "clock" | "env" | "newId">,
): Promise<RunReport> {
  await checkLateness(app);
  let report: RunReport;
  try {
    report = await runOnce(app, deliveriesPerRun, lookEveryMs);
  } catch (error) {
    await openAlert(app, { ...alert, message: `Deliveries stand still: ${messageOf(error)}` });
    throw error;
  }
  if (report.watching === "no_purse")
    await openAlert(app, {
      ...alert,
      message:
        "Deliveries stand still: the processor citizen has no purse in Venice. Run npm run venice:setup.",
    });
  else if (report.stopped === null) await closeAlert(app, alert);
  return report;
}
