import { endOtherSessions, endSession, listSessions } from "../../lib/account/sessions.ts";
import { sessionsApi } from "../../lib/api/account.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";

export default endpoint(
  sessionsApi,
  { db },
  {
    GET: async ({ app, caller }) => {
      const sessions = await listSessions(app, caller.sessionId);
      return sessions ? { status: 200, body: { sessions } } : problem("unauthenticated");
    },
    DELETE: async ({ app, caller }) =>
      (await endOtherSessions(app, caller.sessionId)) ? { status: 204 } : problem("unauthenticated"),
    "DELETE /{id}": async ({ app, caller, id }) => {
      switch (await endSession(app, caller.sessionId, id)) {
        case "ended":
          return { status: 204 };
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
