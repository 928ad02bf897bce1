import { countChange } from "../../lib/account/attempts.ts";
import { changeCitizen, unlinkCitizen } from "../../lib/account/citizen.ts";
import { citizenApi } from "../../lib/api/account.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limiter } from "../../lib/redis/open.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  citizenApi,
  { db, limiter, venice },
  {
    POST: async ({ app, caller, body }) => {
      const refusal = refusalByLimits(await countChange(app.limiter, caller.accountId), app.clock());
      if (refusal) return refusal;
      const outcome = await changeCitizen(app, caller.sessionId, body.citizen);
      switch (outcome.kind) {
        case "changed":
          return { status: 200, body: { account: outcome.account } };
        case "unknown_citizen":
          return problem("unknown_citizen", { field: "citizen" });
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
    DELETE: async ({ app, caller }) => {
      const account = await unlinkCitizen(app, caller.sessionId);
      return account ? { status: 200, body: { account } } : problem("unauthenticated");
    },
  },
);
