import { creditStatusApi } from "../../lib/api/credit-status.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { creditStatus } from "../../lib/ledger/status.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  creditStatusApi,
  { db, venice },
  {
    GET: async ({ app, caller }) => {
      const status = await creditStatus(app, caller.accountId);
      return status ? { status: 200, body: status } : problem("unauthenticated");
    },
  },
);
