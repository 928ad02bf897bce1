import { invoicesApi } from "../../lib/api/billing.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limiter } from "../../lib/redis/open.ts";
import { billing } from "../../lib/stripe/open.ts";
import { countBilling } from "../../lib/subscription/limit.ts";
import { listInvoices } from "../../lib/subscription/pages.ts";

export default endpoint(
  invoicesApi,
  { db, limiter, billing },
  {
    GET: async ({ app, caller, query }) => {
      const refusal = refusalByLimits([await countBilling(app.limiter, caller.accountId)], app.clock());
      if (refusal) return refusal;
      const listed = await listInvoices(app, caller.sessionId, query.after);
      switch (listed.kind) {
        case "read":
          return { status: 200, body: { invoices: [...listed.invoices], next: listed.next } };
        case "bad_cursor":
          return problem("invalid_field", { field: "after", detail: "after: there is no such invoice" });
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
