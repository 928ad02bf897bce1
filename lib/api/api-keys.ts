/** `api-keys`: keys that programs spend credits with. */
import * as z from "zod";
import { DEFAULT_SCOPES, SCOPES } from "../account/api-key.ts";
import { declare } from "../http/declare.ts";
import { nameField } from "./fields.ts";
import { timeWire } from "./wire.ts";

const key = {
  id: z.string(),
  name: z.string(),
  hint: z.string().meta({ description: "Its beginning and end, to recognise it by." }),
  scopes: z.array(z.string()),
  createdAt: timeWire,
  expiresAt: timeWire.nullable().meta({ description: "Null: it works until it is revoked." }),
};

export const apiKeysApi = declare({
  name: "api-keys",
  summary: "API keys",
  routes: {
    POST: {
      summary: "Make a key; it is shown this once",
      auth: "session",
      body: z.strictObject({
        name: nameField,
        scopes: z
          .array(z.enum(SCOPES))
          .min(1, "must name at least one scope")
          .default([...DEFAULT_SCOPES]),
        expiresInDays: z
          .int("must be a whole number of days")
          .min(1, "must be at least 1")
          .max(365, "must be at most 365")
          .optional(),
      }),
      answers: { 201: z.strictObject({ ...key, key: z.string() }) },
      problems: ["unauthenticated", "email_not_verified", "key_limit_reached"],
      whenAway: "Refuses with 503 when the database is away.",
    },
    GET: {
      summary: "Your keys, the newest first",
      auth: "session",
      answers: {
        200: z.strictObject({
          keys: z.array(
            z.strictObject({
              ...key,
              lastUsedAt: timeWire.nullable().meta({ description: "To the quarter of an hour." }),
              revokedAt: timeWire.nullable(),
              replacedBy: z.string().nullable(),
            }),
          ),
        }),
      },
      problems: ["unauthenticated"],
      whenAway: "Refuses with 503 when the database is away.",
    },
    "POST /{id}": {
      summary:
        "Reroll a key: a new secret with its name, scopes and end; the old one works on for the overlap",
      auth: "session",
      body: z.strictObject({
        overlapDays: z
          .int("must be a whole number of days")
          .min(0, "must not be negative")
          .max(7, "must be at most 7")
          .default(0),
      }),
      answers: { 201: z.strictObject({ ...key, key: z.string() }) },
      problems: ["unauthenticated", "not_found", "key_ended"],
      whenAway: "Refuses with 503 when the database is away; a lost answer leaves a key that you can revoke.",
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
