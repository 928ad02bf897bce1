import { citizensApi } from "../../lib/api/citizens.ts";
import { countSearch, searchCitizens } from "../../lib/citizens/search.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { limitHeaders, refusalByLimits } from "../../lib/http/limits.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  citizensApi,
  { db, limiter },
  {
    GET: async ({ app, address, query }) => {
      const verdict = await countSearch(app.limiter, address);
      const refusal = refusalByLimits([verdict], app.clock());
      if (refusal) return refusal;
      const headers = limitHeaders([verdict], app.clock());
      return { status: 200, headers, body: { citizens: await searchCitizens(app, query.q) } };
    },
  },
);
