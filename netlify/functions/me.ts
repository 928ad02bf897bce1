import { findAccount } from "../../lib/account/account.ts";
import { meApi } from "../../lib/api/account.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";

export default endpoint(
  meApi,
  { db },
  {
    GET: async ({ app, caller }) => {
      const account = await findAccount(app, caller.sessionId);
      return account ? { status: 200, body: { account } } : problem("unauthenticated");
    },
  },
);
