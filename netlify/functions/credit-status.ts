import { touchKey } from "../../lib/account/keys.ts";
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
    GET: async ({ app, caller, afterwards }) => {
      const answer = await creditStatus(app, caller);
      switch (answer.kind) {
        case "read":
          afterwards(touchKey(app, caller, answer.keySeenLongAgo));
          return { status: 200, body: answer.status };
        case "unauthorised":
          return problem("unauthenticated");
        case "forbidden":
          return problem("insufficient_scope");
      }
    },
  },
);
