import { updateRateApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { updateRate } from "../../lib/rate/update.ts";
import { consciousness } from "../../lib/redis/open.ts";

export default endpoint(
  updateRateApi,
  { db, consciousness },
  {
    POST: async ({ app, note }) => {
      const { kind: step, microUsdPerDucat, because } = await updateRate(app);
      note({ step, because });
      return { status: 200, body: { step, microUsdPerDucat, because } };
    },
  },
);
