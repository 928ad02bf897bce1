import { lettersApi } from "../../lib/api/staff.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { listLetters, resendLetter } from "../../lib/letters/outbox.ts";

export default endpoint(
  lettersApi,
  { db },
  {
    GET: async ({ app, caller, query }) => {
      const listed = await listLetters(app, caller.sessionId, query.account);
      switch (listed.kind) {
        case "listed":
          return { status: 200, body: { letters: listed.letters } };
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
    "POST /{id}": async ({ app, caller, id }) => {
      switch (await resendLetter(app, caller.sessionId, id)) {
        case "queued":
          return { status: 202 };
        case "still_queued":
          return problem("letter_queued");
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
