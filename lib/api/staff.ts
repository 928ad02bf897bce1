/** `accounts`, `audit`, `letters`: what support reads and an admin changes. To everybody else they are not there. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { accountWire, emailField } from "./fields.ts";
import { timeWire } from "./wire.ts";

const databaseAway = "Refuses with 503 when the database is away.";
const accountId = z.string().regex(/^acc_[0-9a-z]{20}$/, "must be an account's id (acc_…)");

export const accountsApi = declare({
  name: "accounts",
  summary: "Accounts (support, admin)",
  routes: {
    GET: {
      summary: "The account of an e-mail (support)",
      auth: "session",
      query: z.strictObject({ email: emailField }),
      answers: {
        200: z.strictObject({
          accounts: z.array(accountWire.extend({ tier: z.string(), createdAt: timeWire })),
        }),
      },
      problems: ["unauthenticated", "not_found"],
      whenAway: databaseAway,
    },
    "POST /{id}": {
      summary: "Give an account a role (admin)",
      auth: "session",
      body: z.strictObject({ role: accountWire.shape.role }),
      answers: { 204: null },
      problems: ["unauthenticated", "not_found", "last_admin"],
      whenAway: databaseAway,
    },
  },
});

export const auditApi = declare({
  name: "audit",
  summary: "Security log",
  routes: {
    GET: {
      summary: "What was done to your account, the newest first; support and admins may name any account",
      auth: "session",
      query: z.strictObject({
        account: accountId.optional(),
        before: z.coerce.number().int().positive().optional().meta({
          description: "Entries older than this one's id: the last id of the page before.",
        }),
      }),
      answers: {
        200: z.strictObject({
          entries: z.array(
            z.strictObject({
              id: z.int(),
              at: timeWire,
              actor: z.string().meta({
                description:
                  "self, staff, visitor (nobody signed in), operator, or for staff an account's id.",
              }),
              act: z.string(),
              detail: z.record(z.string(), z.unknown()),
              network: z.string().nullable(),
              agent: z.string().nullable(),
              requestId: z.string().nullable(),
            }),
          ),
        }),
      },
      problems: ["unauthenticated", "not_found"],
      whenAway: databaseAway,
    },
  },
});

export const lettersApi = declare({
  name: "letters",
  summary: "Mail sent to a customer (support, admin)",
  routes: {
    GET: {
      summary: "The letters of an account, the newest first (support)",
      auth: "session",
      query: z.strictObject({ account: accountId }),
      answers: {
        200: z.strictObject({
          letters: z.array(
            z.strictObject({
              id: z.string(),
              kind: z.string(),
              object: z.string(),
              nth: z.int().meta({ description: "2 and up: sent again because somebody asked for it." }),
              state: z.enum(["queued", "sent", "refused", "given_up", "skipped"]),
              tries: z.int(),
              lastError: z.string().nullable(),
              createdAt: timeWire,
              endedAt: timeWire.nullable(),
            }),
          ),
        }),
      },
      problems: ["unauthenticated", "not_found"],
      whenAway: databaseAway,
    },
    "POST /{id}": {
      summary: "Send a letter again (admin)",
      auth: "session",
      body: z.strictObject({}),
      answers: { 202: null },
      problems: ["unauthenticated", "not_found", "letter_queued"],
      whenAway: databaseAway,
    },
  },
});
