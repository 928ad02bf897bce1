import { refreshCitizensApi } from "../../lib/api/operations.ts";
import { refreshCitizens } from "../../lib/citizens/mirror.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { town } from "../../lib/town/open.ts";

export default endpoint(
  refreshCitizensApi,
  { db, town },
  {
    POST: async ({ app, note }) => {
      const report = await refreshCitizens(app);
      note(report);
      return { status: 200, body: report };
    },
  },
);
