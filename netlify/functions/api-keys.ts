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
      const created = await createKey(app, caller.sessionId, body);
      switch (created.kind) {
        case "created":
          return { status: 201, body: { ...created.apiKey, key: created.key } };
        case "limit":
          return problem("key_limit_reached");
        case "not_verified":
          return problem("email_not_verified");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
    GET: async ({ app, caller }) => {
      const keys = await listKeys(app, caller.sessionId);
      return keys ? { status: 200, body: { keys } } : problem("unauthenticated");
    },
    "POST /{id}": async ({ app, caller, id, body }) => {
      const rerolled = await rerollKey(app, caller.sessionId, id, body.overlapDays);
      switch (rerolled.kind) {
        case "rerolled":
          return { status: 201, body: { ...rerolled.apiKey, key: rerolled.key } };
        case "not_found":
          return problem("not_found");
        case "ended":
          return problem("key_ended");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
    "DELETE /{id}": async ({ app, caller, id }) => {
      switch (await revokeKey(app, caller.sessionId, id)) {
        case "revoked":
          return { status: 204 };
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
