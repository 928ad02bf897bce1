import { replenishmentCheckApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { checkReserve } from "../../lib/reserve/check.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  replenishmentCheckApi,
  { db, venice },
  {
    POST: async ({ app, note }) => {
      const { kind, ...reserve } = await checkReserve(app);
      note({ reserve: kind });
      if (!("purseMillis" in reserve))
        return problem("unknown_citizen", {
          detail: "The processor citizen is not in Venice: run npm run venice:setup.",
        });
      return { status: 200, body: reserve };
    },
  },
);
