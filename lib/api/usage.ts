/** `usage`: programs report what they used and are charged for it. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { millisWire, textWire } from "./wire.ts";

const maxEventsPerCall = 1_000;

/** Postgres has no year 0. */
const day = z.iso
  .date("must be a day like 2026-11-20")
  .refine((text) => text >= "0001-01-01", "must be a day like 2026-11-20");

export const usageApi = declare({
  name: "usage",
  summary: "Usage",
  routes: {
    POST: {
      summary: "Charge one event or a batch; each has an id of yours, and the same id is charged once",
      auth: "session_or_key",
      maxBytes: 512 * 1024,
      body: z.strictObject({
        events: z
          .array(
            z.strictObject({
              id: textWire.min(1, "must not be empty").max(100, "must have at most 100 characters"),
              meter: z.string().max(100, "must have at most 100 characters"),
              units: z.number(),
              at: z.iso
                .datetime("must be an ISO 8601 time in UTC")
                .max(40, "must have at most 40 characters")
                .optional(),
            }),
          )
          .min(1, "must have at least one event")
          .max(maxEventsPerCall, `must have at most ${maxEventsPerCall} events`),
      }),
      answers: {
        200: z.strictObject({
          results: z.array(
            z.strictObject({
              id: z.string(),
              outcome: z.enum(["charged", "duplicate", "conflict", "insufficient", "rejected"]),
              chargedMillis: millisWire.meta({
                description: "What this event has cost: for a duplicate, what it was charged the first time.",
              }),
              reason: z.string().optional().meta({ description: "Why an event was rejected." }),
            }),
          ),
          walletMillis: millisWire,
        }),
      },
      problems: ["unauthenticated", "insufficient_scope", "rate_limited", "limiter_unavailable"],
      whenAway:
        "Refuses with 503 within 250 ms when the limiter is away: nothing is charged. 503 when the database is.",
    },
    GET: {
      summary: "Usage by UTC day and meter",
      auth: "session_or_key",
      query: z.strictObject({
        from: day.optional().meta({ description: "The first day; 30 days back when left out." }),
        to: day.optional().meta({ description: "The last day, included; today when left out." }),
      }),
      answers: {
        200: z.strictObject({
          days: z.array(
            z.strictObject({
              day: z.iso.date(),
              meter: z.string(),
              events: z.int(),
              units: z.int(),
              chargedMillis: millisWire,
            }),
          ),
        }),
      },
      problems: ["unauthenticated", "insufficient_scope"],
      whenAway: "Refuses with 503 when the database is away.",
    },
  },
});
