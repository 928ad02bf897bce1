/** `health`, `openapi` and the scheduled functions. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { heldReasons } from "../rate/target.ts";
import { millisWire, rateWire, timeWire } from "./wire.ts";

const check = z.enum(["ok", "down"]);

export const healthApi = declare({
  name: "health",
  summary: "Health",
  routes: {
    GET: {
      summary: "Whether the parts answer, and how much waits for a person",
      auth: "none",
      answers: {
        200: z.strictObject({
          status: z.enum(["ok", "degraded"]),
          at: timeWire,
          checks: z.strictObject({ postgres: check, redis: check }),
          counts: z.record(z.string(), z.int()),
          warnings: z.array(z.string()),
        }),
      },
      problems: [],
      whenAway: "Says which part is down, with status degraded.",
    },
  },
});

export const openapiApi = declare({
  name: "openapi",
  summary: "This document",
  routes: {
    GET: {
      summary: "The OpenAPI 3.1 document, made from the functions' own declarations",
      auth: "none",
      answers: { 200: z.looseObject({ openapi: z.literal("3.1.0") }) },
      problems: [],
      whenAway: "Asks no other service.",
    },
  },
});

const ran = { auth: "none", problems: [], whenAway: "Stops and leaves the rest to the next run." } as const;

export const deliverDucatsApi = declare({
  name: "deliver-ducats",
  summary: "Delivery to Venice, each minute",
  scheduled: true,
  routes: {
    POST: {
      ...ran,
      summary: "Sends what is pending and concludes what has arrived",
      answers: {
        200: z.strictObject({
          sent: z.int(),
          executed: z.int(),
          rejected: z.int(),
          uncertain: z.int(),
          watching: z.enum(["nothing", "concluded", "waiting", "stale", "no_purse"]),
          stopped: z.string().nullable(),
        }),
      },
    },
  },
});

export const replenishmentCheckApi = declare({
  name: "replenishment-check",
  summary: "The processor citizen's purse, each hour",
  scheduled: true,
  routes: {
    POST: {
      ...ran,
      summary: "Compares the purse with what is promised, a floor and the days to come; alerts once",
      answers: {
        200: z.strictObject({
          purseMillis: millisWire,
          promisedMillis: millisWire,
          freeMillis: millisWire,
          floorMillis: millisWire,
          targetMillis: millisWire,
          burnMillisPerDay: millisWire,
          floorAt: timeWire.nullable(),
          dryAt: timeWire.nullable(),
          topUpMillis: millisWire,
          alert: z.enum(["opened", "still_open", "closed", "none"]),
        }),
      },
      problems: ["limiter_unavailable", "venice_unavailable", "unknown_citizen"],
    },
  },
});

export const sendLettersApi = declare({
  name: "send-letters",
  summary: "Mail, each minute",
  scheduled: true,
  routes: {
    POST: {
      ...ran,
      summary: "Sends the letters that are due",
      answers: { 200: z.strictObject({ sent: z.int(), refused: z.int(), postponed: z.int() }) },
    },
  },
});

export const refreshCitizensApi = declare({
  name: "refresh-citizens",
  summary: "The copy of Venice's citizens, each hour",
  scheduled: true,
  routes: {
    POST: {
      ...ran,
      summary: "Reads Venice's list anew when the copy is an hour old, or goes on where the last run stopped",
      answers: {
        200: z.strictObject({
          pages: z.int(),
          citizens: z.int(),
          walk: z.enum(["fresh", "busy", "stale", "kept", "complete", "unbelieved"]),
          stopped: z.string().nullable(),
        }),
      },
    },
  },
});

export const notifyCitizensApi = declare({
  name: "notify-citizens",
  summary: "Notifications in Venice, each minute",
  scheduled: true,
  routes: {
    POST: {
      ...ran,
      summary: "Tells citizens what was paid, has arrived or came back",
      answers: { 200: z.strictObject({ sent: z.int(), postponed: z.int(), unsure: z.int() }) },
    },
  },
});

export const updateRateApi = declare({
  name: "update-rate",
  summary: "The rate, each hour",
  scheduled: true,
  routes: {
    POST: {
      ...ran,
      summary: "Moves the rate one step towards what its inputs say, or says why it holds",
      answers: {
        200: z.strictObject({
          step: z.enum(["stepped", "held", "done_before"]),
          microUsdPerDucat: rateWire,
          because: z.enum(heldReasons).nullable(),
        }),
      },
      whenAway: "Redis away: the last rate holds. The database away: 503, and the next hour goes on.",
    },
  },
});

export const reconcileStripeApi = declare({
  name: "reconcile-stripe",
  summary: "What the webhook did not bring, fees and payouts, every ten minutes",
  scheduled: true,
  routes: {
    POST: {
      ...ran,
      summary:
        "Fetches lost events, looks at unpaid orders, keeps Stripe's balance, sends refunds that are due",
      answers: {
        200: z.strictObject({
          events: z.int(),
          failedEvents: z.int(),
          sessions: z.int(),
          transactions: z.int(),
          postings: z.int(),
          refunds: z.int(),
          stopped: z.string().nullable(),
        }),
      },
    },
  },
});

export const keepSubscriptionsApi = declare({
  name: "keep-subscriptions",
  summary: "Subscriptions, each hour",
  scheduled: true,
  routes: {
    POST: {
      ...ran,
      summary:
        "Grants the months that have begun, ends graces, tries new cards, ends pages that are over, reads again and does what that asks for",
      answers: {
        200: z.strictObject({
          accounts: z.int(),
          retries: z.int(),
          starts: z.int(),
          reads: z.int(),
          followUps: z.int(),
          stopped: z.string().nullable(),
        }),
      },
    },
  },
});

export const forgetExpiredApi = declare({
  name: "forget-expired",
  summary: "What is over goes, each day",
  scheduled: true,
  routes: {
    POST: {
      ...ran,
      summary: "Removes links, challenges, counts and sessions that are long over",
      answers: { 200: z.strictObject({ forgotten: z.int() }) },
    },
  },
});
