import { reconciliationApi } from "../../lib/api/reconciliation.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { lookNow, repairNow } from "../../lib/reconcile/on-demand.ts";
import { stripe, stripeHistory, stripeLists } from "../../lib/stripe/open.ts";
import { venice } from "../../lib/venice/open.ts";

const tooLong = {
  field: "since",
  detail:
    "since: must be in the last thirty-one days, and near enough to be read in time; npm run reconcile reads any window",
};

export default endpoint(
  reconciliationApi,
  { db, stripe, stripeHistory, stripeLists, venice },
  {
    GET: async ({ app, caller, query, note }) => {
      const compared = await lookNow(app, caller.sessionId, query.since);
      note({ reconciliation: compared.kind });
      switch (compared.kind) {
        case "compared": {
          const { since, until, findings, told, looked } = compared;
          const times = { since: since.toISOString(), until: until.toISOString() };
          return { status: 200, body: { ...times, findings: [...findings], told: [...told], looked } };
        }
        case "too_long":
          return problem("invalid_field", tooLong);
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
    POST: async ({ app, caller, body, note }) => {
      const repaired = await repairNow(app, caller.sessionId, body.since, body.findings);
      note({ reconciliation: repaired.kind });
      switch (repaired.kind) {
        case "repaired":
          return { status: 200, body: { findings: repaired.findings } };
        case "too_long":
          return problem("invalid_field", tooLong);
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
