/** `rate`: the price of a ducat, where it has been, and an admin's hand on it. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { heldReasons, rateBounds } from "../rate/target.ts";
import { microUsdPerDucat } from "../money.ts";
import { rateNowWire, rateWire, textWire, timeWire } from "./wire.ts";

const difference = z.int().nullable();
const staffAway = "Refuses with 503 when the database is away.";
const bounds = `must be from ${rateBounds.min} to ${rateBounds.max}`;

export const rateApi = declare({
  name: "rate",
  summary: "The rate",
  routes: {
    GET: {
      summary: "Today's rate, what moves or holds it, its history of 30 days and its next step",
      auth: "none",
      answers: {
        200: rateNowWire.extend({
          held: z.enum(heldReasons).nullable().meta({
            description: "Why the rate stands whatever its inputs say; null while it follows them.",
          }),
          holdsUntil: timeWire.nullable().meta({ description: "The end of an override that has one." }),
          inputs: z
            .strictObject({
              levelMilli: z.int().meta({ description: "Thousandths of the level, 0 to 10." }),
              coherenceMilli: z.int().meta({ description: "Thousandths of the coherence, 0 to 100." }),
              updatedAt: timeWire,
            })
            .nullable()
            .meta({ description: "The last that could be used." }),
          trend: z.strictObject({
            dayMicroUsd: difference.meta({
              description: "Less the rate 24 hours ago; null before there was one.",
            }),
            weekMicroUsd: difference.meta({ description: "Less the rate seven days ago." }),
          }),
          bounds: z.strictObject({ minMicroUsd: rateWire, maxMicroUsd: rateWire }),
          nextStepAt: timeWire,
          history: z
            .array(z.strictObject({ at: timeWire, microUsdPerDucat: rateWire }))
            .max(200)
            .meta({ description: "Moves of the last 30 days, thinned; each holds until the next." }),
        }),
      },
      problems: [],
      whenAway: "Refuses with 503 when the database is away. May be a minute old.",
    },
    POST: {
      summary: "Set the rate by hand (admin)",
      auth: "session",
      body: z.strictObject({
        microUsdPerDucat: z
          .int("must be a whole number of micro-dollars")
          .min(Number(rateBounds.min), bounds)
          .max(Number(rateBounds.max), bounds)
          .transform((value) => microUsdPerDucat(BigInt(value))),
        reason: textWire.trim().min(1, "must not be empty").max(500, "must have at most 500 characters"),
        until: timeWire
          .optional()
          .meta({ description: "When it ends by itself; without it, when it is released." }),
      }),
      answers: { 204: null },
      problems: ["unauthenticated", "not_found", "invalid_field"],
      whenAway: staffAway,
    },
    DELETE: {
      summary: "Release a rate that was set by hand (admin)",
      auth: "session",
      answers: { 204: null },
      problems: ["unauthenticated", "not_found"],
      whenAway: staffAway,
    },
  },
});
