import { countChange } from "../../lib/account/attempts.ts";
import {
  addPasskey,
  listPasskeys,
  offerPasskey,
  removePasskey,
  renamePasskey,
} from "../../lib/account/passkeys.ts";
import { passkeysApi } from "../../lib/api/passkeys.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  passkeysApi,
  { db, limiter },
  {
    GET: async ({ app, caller }) => {
      const list = await listPasskeys(app, caller.sessionId);
      if (!list) return problem("unauthenticated");
      const passkeys = list.passkeys.map(({ id, name, synced, createdAt, lastUsedAt }) => ({
        ...{ id, name, synced, createdAt, lastUsedAt },
      }));
      return { status: 200, body: { passkeys } };
    },
    POST: async ({ app, caller, body }) => {
      if (body.kind === "ask") {
        const refusal = refusalByLimits(await countChange(app.limiter, caller.accountId), app.clock());
        if (refusal) return refusal;
        const offer = await offerPasskey(app, caller.sessionId);
        if (!offer) return problem("unauthenticated");
        return { status: 201, body: { challenge: offer.challenge, options: { ...offer.options } } };
      }
      switch (await addPasskey(app, caller.sessionId, body)) {
        case "added":
          return { status: 200, body: { id: body.credential.id } };
        case "invalid_proof":
          return problem("invalid_proof");
        case "taken":
          return problem("passkey_taken");
        case "limit":
          return problem("passkey_limit_reached");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
    "POST /{id}": async ({ app, caller, id, body }) => {
      switch (await renamePasskey(app, caller.sessionId, id, body.name)) {
        case "renamed":
          return { status: 204 };
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
    "DELETE /{id}": async ({ app, caller, id }) => {
      switch (await removePasskey(app, caller.sessionId, id)) {
        case "removed":
          return { status: 204 };
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
