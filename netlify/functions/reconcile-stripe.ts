import { reconcileStripeApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { reconcileStripe } from "../../lib/reconcile/run.ts";
import { stripe, stripeHistory } from "../../lib/stripe/open.ts";

export default endpoint(
  reconcileStripeApi,
  { db, stripe, stripeHistory },
  {
    POST: async ({ app, note }) => {
      const report = await reconcileStripe(app);
      note(report);
      return { status: 200, body: report };
    },
  },
);
