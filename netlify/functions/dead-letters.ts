import { deadLettersApi } from "../../lib/api/deliveries.ts";
import { db } from "../../lib/db/open.ts";
import { decideDelivery, listDeadLetters } from "../../lib/delivery/dead-letters.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  deadLettersApi,
  { db, venice },
  {
    GET: async ({ app, caller }) => {
      const listed = await listDeadLetters(app, caller.sessionId);
      switch (listed.kind) {
        case "listed":
          return { status: 200, body: { deliveries: listed.deliveries } };
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
    "POST /{id}": async ({ app, caller, id, body, note }) => {
      const outcome = await decideDelivery(app, caller.sessionId, id, body);
      note({ decision: outcome });
      switch (outcome) {
        case "done":
          return { status: 204 };
        case "unauthorised":
          return problem("unauthenticated");
        case "not_found":
        case "not_possible":
          return problem(outcome);
      }
    },
  },
);
