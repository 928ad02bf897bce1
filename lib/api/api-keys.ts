/** `api-keys`: keys that programs spend credits with. */
import * as z from "zod";
import { SCOPES } from "../account/api-key.ts";
import { declare } from "../http/declare.ts";
import { textWire, timeWire } from "./wire.ts";

const key = {
  id: z.string(),
  name: z.string(),
  hint: z.string().meta({ description: "Its beginning and end, to recognise it by." }),
  scopes: z.array(z.string()),
  createdAt: timeWire,
};

export const apiKeysApi = declare({
  name: "api-keys",
  summary: "API keys",
  routes: {
    POST: {
      summary: "Make a key; it is shown this once",
      auth: "session",
      body: z.strictObject({
        name: textWire.trim().min(1, "must not be empty").max(80, "must have at most 80 characters"),
        scopes: z
          .array(z.enum(SCOPES))
          .min(1, "must name at least one scope")
          .default([...SCOPES]),
      }),
      answers: { 201: z.strictObject({ ...key, key: z.string() }) },
      problems: ["unauthenticated", "key_limit_reached"],
      whenAway: "Refuses with 503 when the database is away.",
    },
    GET: {
      summary: "Your keys, the newest first",
      auth: "session",
      answers: {
        200: z.strictObject({ keys: z.array(z.strictObject({ ...key, revokedAt: timeWire.nullable() })) }),
      },
      problems: ["unauthenticated"],
      whenAway: "Refuses with 503 when the database is away.",
    },
    "DELETE /{id}": {
      summary: "Revoke a key, at once and for good",
      auth: "session",
      answers: { 204: null },
      problems: ["unauthenticated", "not_found"],
      whenAway: "Refuses with 503 when the database is away.",
    },
  },
});
