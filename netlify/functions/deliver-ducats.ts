import { deliverDucatsApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { runOnce } from "../../lib/delivery/run.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { mail } from "../../lib/mail/open.ts";
import { mailAlerts } from "../../lib/operations/alerts.ts";
import { venice } from "../../lib/venice/open.ts";

/** More than our share of Airtable lets one run send; the budget of time ends it earlier. */
const deliveriesPerRun = 100;

export default endpoint(
  deliverDucatsApi,
  { db, venice, mail },
  {
    POST: async ({ app, note }) => {
      const report = await runOnce(app, deliveriesPerRun);
      await mailAlerts(app);
      note(report);
      return { status: 200, body: report };
    },
  },
);
