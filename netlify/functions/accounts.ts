import { changeRole, lookUpAccount } from "../../lib/account/staff.ts";
import { accountsApi } from "../../lib/api/staff.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";

export default endpoint(
  accountsApi,
  { db },
  {
    GET: async ({ app, caller, query }) => {
      const found = await lookUpAccount(app, caller.sessionId, query.email);
      switch (found.kind) {
        case "found":
          return { status: 200, body: { accounts: found.accounts } };
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
    "POST /{id}": async ({ app, caller, id, body }) => {
      const outcome = await changeRole(app, caller.sessionId, id, body.role);
      switch (outcome) {
        case "changed":
          return { status: 204 };
        case "unauthorised":
          return problem("unauthenticated");
        case "not_found":
        case "last_admin":
          return problem(outcome);
      }
    },
  },
);
