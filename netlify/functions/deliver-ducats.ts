import { deliverDucatsApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { runScheduled } from "../../lib/delivery/scheduled.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { mail } from "../../lib/mail/open.ts";
import { mailAlerts } from "../../lib/operations/alerts.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  deliverDucatsApi,
  { db, venice, mail },
  {
    POST: async ({ app, note }) => {
      try {
        const report = await runScheduled(app);
        note(report);
        return { status: 200, body: report };
      } finally {
        await mailAlerts(app);
      }
    },
  },
);
