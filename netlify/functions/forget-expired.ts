import { forgetExpired } from "../../lib/account/forget.ts";
import { forgetExpiredApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";

export default endpoint(
  forgetExpiredApi,
  { db },
  {
    POST: async ({ app, note }) => {
      const forgotten = await forgetExpired(app);
      note({ forgotten });
      return { status: 200, body: { forgotten } };
    },
  },
);
