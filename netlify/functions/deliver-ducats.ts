import { deliverDucatsApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { runScheduled } from "../../lib/delivery/scheduled.ts";
import { game } from "../../lib/game/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  deliverDucatsApi,
  { db, game, venice },
  {
    POST: async ({ app, note }) => {
      const report = await runScheduled(app);
      note(report);
      return { status: 200, body: report };
    },
  },
);
