import { billingPortalApi } from "../../lib/api/billing.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limiter } from "../../lib/redis/open.ts";
import { billing } from "../../lib/stripe/open.ts";
import { countBilling } from "../../lib/subscription/limit.ts";
import { openPortal } from "../../lib/subscription/pages.ts";

export default endpoint(
  billingPortalApi,
  { db, limiter, billing },
  {
    POST: async ({ app, caller, form, origin }) => {
      const refusal = refusalByLimits([await countBilling(app.limiter, caller.accountId)], app.clock());
      if (refusal) return refusal;
      const opened = await openPortal(app, caller.sessionId, `${origin}/account/`);
      switch (opened.kind) {
        case "opened":
          return form
            ? { status: 303, headers: { location: opened.url } }
            : { status: 201, body: { url: opened.url } };
        case "no_customer":
          return problem("no_customer");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
