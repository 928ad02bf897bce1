import { healthApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { mail } from "../../lib/mail/open.ts";
import { readHealth } from "../../lib/operations/health.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  healthApi,
  { db, limiter, mail },
  {
    GET: async ({ app }) => ({ status: 200, body: await readHealth(app) }),
  },
);
