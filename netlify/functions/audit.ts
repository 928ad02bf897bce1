import { readAudit } from "../../lib/account/audit.ts";
import { auditApi } from "../../lib/api/staff.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";

export default endpoint(
  auditApi,
  { db },
  {
    GET: async ({ app, caller, query }) => {
      const read = await readAudit(app, caller.sessionId, query);
      if (!read) return problem("unauthenticated");
      return read.kind === "read" ? { status: 200, body: { entries: read.entries } } : problem("not_found");
    },
  },
);
