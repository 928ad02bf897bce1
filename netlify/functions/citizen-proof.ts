import { countChange } from "../../lib/account/attempts.ts";
import { offerProof, proveCitizen } from "../../lib/account/citizen.ts";
import { citizenProofApi } from "../../lib/api/account.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limiter } from "../../lib/redis/open.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  citizenProofApi,
  { db, limiter, venice },
  {
    POST: async ({ app, caller, body }) => {
      const refusal =
        body.kind === "ask" && refusalByLimits(await countChange(app.limiter, caller.accountId), app.clock());
      if (refusal) return refusal;
      const outcome =
        body.kind === "ask"
          ? await offerProof(app, caller.sessionId)
          : await proveCitizen(app, caller.sessionId, body.challenge, body.signature);
      switch (outcome.kind) {
        case "offered": {
          const { challenge, message, expiresAt } = outcome;
          return { status: 201, body: { challenge, message, expiresAt } };
        }
        case "changed":
          return { status: 200, body: { account: outcome.account } };
        case "unauthorised":
          return problem("unauthenticated");
        case "no_wallet":
        case "invalid_proof":
        case "citizen_taken":
        case "citizen_changed":
          return problem(outcome.kind);
      }
    },
  },
);
