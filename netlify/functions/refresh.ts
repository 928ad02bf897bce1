import { refreshSession } from "../../lib/account/sessions.ts";
import { refreshApi } from "../../lib/api/sign-in.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";

export default endpoint(
  refreshApi,
  { db },
  {
    POST: async ({ app, body, note }) => {
      const outcome = await refreshSession(app, body.refreshToken);
      note({ refresh: outcome.kind });
      if (outcome.kind !== "refreshed") return problem("unauthenticated");
      const { accessToken, accessExpiresAt, refreshToken } = outcome.tokens;
      return { status: 200, body: { tokens: { accessToken, accessExpiresAt, refreshToken } } };
    },
  },
);
