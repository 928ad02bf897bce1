import { rateApi } from "../../lib/api/rate.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { overrideRate, releaseRate } from "../../lib/rate/override.ts";
import { showRate } from "../../lib/rate/show.ts";
import { rateBounds } from "../../lib/rate/target.ts";

const answers = {
  done: { status: 204 },
  not_found: problem("not_found"),
  unauthorised: problem("unauthenticated"),
} as const;

export default endpoint(
  rateApi,
  { db },
  {
    GET: async ({ app }) => {
      const { dayChangeMicroUsd, weekChangeMicroUsd, ...shown } = await showRate(app);
      return {
        status: 200,
        headers: { "cache-control": "public, max-age=60" },
        body: {
          ...shown,
          trend: { dayMicroUsd: dayChangeMicroUsd, weekMicroUsd: weekChangeMicroUsd },
          bounds: { minMicroUsd: rateBounds.min, maxMicroUsd: rateBounds.max },
        },
      };
    },
    POST: async ({ app, caller, body, note }) => {
      const { microUsdPerDucat, reason } = body;
      const until = body.until === undefined ? null : new Date(body.until);
      if (until && until <= app.clock())
        return problem("invalid_field", { field: "until", detail: "until: must be in the future" });
      const outcome = await overrideRate(app, caller.sessionId, { microUsdPerDucat, reason, until });
      note({ override: outcome });
      return answers[outcome];
    },
    DELETE: async ({ app, caller, note }) => {
      const outcome = await releaseRate(app, caller.sessionId);
      note({ release: outcome });
      return answers[outcome];
    },
  },
);
