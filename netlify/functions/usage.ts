import { touchKey } from "../../lib/account/keys.ts";
import { usageApi } from "../../lib/api/usage.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { limitHeaders, refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limiter } from "../../lib/redis/open.ts";
import { chargeUsage, countUsageCall, verdictForTier } from "../../lib/usage/charge.ts";
import { reportUsage } from "../../lib/usage/report.ts";

export default endpoint(
  usageApi,
  { db, limiter },
  {
    POST: async ({ app, caller, body, note, afterwards }) => {
      // Its yes comes first: a charge must not commit while the limiter refuses.
      const now = app.clock();
      const counted = await countUsageCall(app.limiter, caller, now);
      if (counted.kind !== "allowed")
        return refusalByLimits([counted], now) ?? problem("limiter_unavailable");
      const charged = await chargeUsage(app, caller, body.events, counted);
      switch (charged.kind) {
        case "unauthorised":
          return problem("unauthenticated");
        case "forbidden":
          return problem("insufficient_scope");
        case "too_many":
          return (
            refusalByLimits([verdictForTier(counted, charged.requestsPerMinute)], now) ??
            problem("rate_limited")
          );
        case "judged": {
          const headers = limitHeaders([verdictForTier(counted, charged.requestsPerMinute)], now);
          const { accountId, results, walletMillis, keySeenLongAgo } = charged;
          afterwards(touchKey(app, caller, keySeenLongAgo));
          note({ account: accountId, events: results.length });
          return { status: 200, headers, body: { results, walletMillis } };
        }
      }
    },
    GET: async ({ app, caller, query, afterwards }) => {
      const report = await reportUsage(app, caller, query);
      switch (report.kind) {
        case "unauthorised":
          return problem("unauthenticated");
        case "forbidden":
          return problem("insufficient_scope");
        case "reported":
          afterwards(touchKey(app, caller, report.keySeenLongAgo));
          return { status: 200, body: { days: report.days } };
      }
    },
  },
);
