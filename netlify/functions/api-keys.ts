import { createKey, listKeys, rerollKey, revokeKey } from "../../lib/account/keys.ts";
import { apiKeysApi } from "../../lib/api/api-keys.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";

export default endpoint(
  apiKeysApi,
  { db },
  {
    POST: async ({ app, caller, body }) => {
      const created = await createKey(app, caller.accountId, body);
      switch (created.kind) {
        case "created":
          return { status: 201, body: { ...created.apiKey, key: created.key } };
        case "limit":
          return problem("key_limit_reached");
        case "unknown_account":
          return problem("unauthenticated");
      }
    },
    GET: async ({ app, caller }) => ({ status: 200, body: { keys: await listKeys(app, caller.accountId) } }),
    "POST /{id}": async ({ app, caller, id, body }) => {
      const rerolled = await rerollKey(app, caller.accountId, id, body.overlapDays);
      switch (rerolled.kind) {
        case "rerolled":
          return { status: 201, body: { ...rerolled.apiKey, key: rerolled.key } };
        case "not_found":
          return problem("not_found");
        case "ended":
          return problem("key_ended");
      }
    },
    "DELETE /{id}": async ({ app, caller, id }) =>
      (await revokeKey(app, caller.accountId, id)) ? { status: 204 } : problem("not_found"),
  },
);
