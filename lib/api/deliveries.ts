/** `withdraw`, `deliveries`, `dead-letters`: ducats on their way to Venice. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { MILLIS_PER_DUCAT, millis } from "../money.ts";
import { millisWire, textWire, timeWire } from "./wire.ts";

const databaseAway = "Refuses with 503 when the database is away.";

export const deliveryWire = z.strictObject({
  id: z.string(),
  status: z
    .enum(["pending", "planned", "active", "late", "executed", "rejected", "uncertain", "cancelled"])
    .meta({
      description:
        "pending, planned, active: on its way; late: longer on its way than Venice's runs explain; executed: arrived; " +
        "rejected: not delivered and back in your wallet; uncertain: a person checks whether it arrived; " +
        "cancelled: its payment is going back.",
    }),
  millis: millisWire,
  citizen: z.string(),
  purchaseId: z.string().nullable(),
  createdAt: timeWire,
  activeSince: timeWire.nullable(),
  dueAt: timeWire.meta({ description: "When it should have arrived: the game's next run, and an hour." }),
  concludedAt: timeWire.nullable(),
});

const mostDucats = 1_000_000;

export const withdrawApi = declare({
  name: "withdraw",
  summary: "Wallet to Venice",
  routes: {
    POST: {
      summary:
        "Send ducats of your wallet to your citizen; needs an Idempotency-Key, the same for each retry",
      auth: "session_or_key",
      idempotencyKey: true,
      body: z.strictObject({
        ducats: z
          .int("must be a whole number of ducats")
          .min(1, "must be at least 1")
          .max(mostDucats, `must be at most ${mostDucats}`)
          .transform((value) => millis(BigInt(value) * MILLIS_PER_DUCAT)),
      }),
      answers: { 202: z.strictObject({ delivery: deliveryWire, walletMillis: millisWire }) },
      problems: [
        "unauthenticated",
        "insufficient_scope",
        "idempotency_key_required",
        "idempotency_key_reused",
        "insufficient_ducats",
        "unknown_citizen",
        "citizen_changed",
        "payment_disputed",
        "rate_limited",
        "limiter_unavailable",
        "venice_unavailable",
      ],
      whenAway: "Refuses with 503 when the limiter, Venice or the database is away: no ducat moves.",
    },
  },
});

export const deliveriesApi = declare({
  name: "deliveries",
  summary: "Deliveries",
  routes: {
    GET: {
      summary: "Your deliveries, the newest first",
      auth: "session_or_key",
      query: z.strictObject({
        before: z.iso
          .datetime("must be an ISO 8601 time in UTC")
          .optional()
          .meta({ description: "Made before this: the last one's createdAt of the page before." }),
      }),
      answers: { 200: z.strictObject({ deliveries: z.array(deliveryWire) }) },
      problems: ["unauthenticated", "insufficient_scope"],
      whenAway: databaseAway,
    },
    "GET /{id}": {
      summary: "One delivery, with its steps",
      auth: "session_or_key",
      answers: {
        200: z.strictObject({
          delivery: deliveryWire,
          steps: z.array(z.strictObject({ at: timeWire, status: z.string() })),
        }),
      },
      problems: ["unauthenticated", "insufficient_scope", "not_found"],
      whenAway: databaseAway,
    },
  },
});

export const deadLettersApi = declare({
  name: "dead-letters",
  summary: "Deliveries that wait for a person (support, admin)",
  routes: {
    GET: {
      summary: "Uncertain and parked deliveries, the oldest first, with the evidence (support)",
      auth: "session",
      answers: {
        200: z.strictObject({
          deliveries: z.array(
            deliveryWire.extend({
              accountId: z.string(),
              recordId: z.string().nullable(),
              tries: z.int(),
              lastError: z.string().nullable(),
              parkedAt: timeWire.nullable(),
              evidence: z.record(z.string(), z.unknown()).nullable(),
            }),
          ),
        }),
      },
      problems: ["unauthenticated", "not_found"],
      whenAway: databaseAway,
    },
    "POST /{id}": {
      summary:
        "Look again, send again (never activated only), return to the wallet, or count as arrived (admin)",
      auth: "session",
      body: z.strictObject({
        action: z.enum(["look", "resend", "return", "arrived"]),
        reason: textWire.trim().min(1, "must not be empty").max(500, "must have at most 500 characters"),
      }),
      answers: { 204: null },
      problems: ["unauthenticated", "not_found", "not_possible", "limiter_unavailable", "venice_unavailable"],
      whenAway: "Refuses with 503 when the database is away, and a look also when Venice is.",
    },
  },
});
