import { notifyCitizensApi } from "../../lib/api/operations.ts";
import { notifyCitizens } from "../../lib/citizens/notify.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { town } from "../../lib/town/open.ts";

export default endpoint(
  notifyCitizensApi,
  { db, town },
  {
    POST: async ({ app, note }) => {
      const report = await notifyCitizens(app);
      note(report);
      return { status: 200, body: report };
    },
  },
);
