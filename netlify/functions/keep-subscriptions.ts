import { keepSubscriptionsApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { billing, stripe } from "../../lib/stripe/open.ts";
import { keepSubscriptions } from "../../lib/subscription/keep.ts";

export default endpoint(
  keepSubscriptionsApi,
  { db, stripe, billing },
  {
    POST: async ({ app, note }) => {
      const report = await keepSubscriptions(app);
      note(report);
      return { status: 200, body: report };
    },
  },
);
