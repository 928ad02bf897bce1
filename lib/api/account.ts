/** `me`, `sessions`, `password`, `password-reset`, `email-verification`, `citizen`, `citizen-proof`: one's own account. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import {
  accountWire,
  challengeWire,
  citizenField,
  emailField,
  newPasswordField,
  opaqueField,
  passwordField,
} from "./fields.ts";
import { timeWire } from "./wire.ts";

const databaseAway = "Refuses with 503 when the database is away.";
const accountAnswer = { 200: z.strictObject({ account: accountWire }) } as const;

export const meApi = declare({
  name: "me",
  summary: "Who am I",
  routes: {
    GET: {
      summary: "The signed-in account",
      auth: "session",
      answers: accountAnswer,
      problems: ["unauthenticated"],
      whenAway: databaseAway,
    },
  },
});

export const sessionsApi = declare({
  name: "sessions",
  summary: "Signed-in devices",
  routes: {
    GET: {
      summary: "The devices that are signed in to your account, the last used first",
      auth: "session",
      answers: {
        200: z.strictObject({
          sessions: z.array(
            z.strictObject({
              id: z.string(),
              current: z.boolean(),
              method: z.enum(["password", "passkey", "venice"]),
              network: z
                .string()
                .nullable()
                .meta({ description: "Where it was last used: IPv6 by its /64." }),
              agent: z.string().nullable().meta({ description: "What the browser or program calls itself." }),
              createdAt: timeWire,
              refreshedAt: timeWire.meta({ description: "Last used, to the quarter of an hour." }),
              expiresAt: timeWire,
            }),
          ),
        }),
      },
      problems: ["unauthenticated"],
      whenAway: databaseAway,
    },
    DELETE: {
      summary: "Sign every other device out, at once",
      auth: "session",
      answers: { 204: null },
      problems: ["unauthenticated"],
      whenAway: databaseAway,
    },
    "DELETE /{id}": {
      summary: "Sign one device out, at once",
      auth: "session",
      answers: { 204: null },
      problems: ["unauthenticated", "not_found"],
      whenAway: databaseAway,
    },
  },
});

export const passwordApi = declare({
  name: "password",
  summary: "Change the password",
  routes: {
    POST: {
      summary: "Set a new password; every other device is signed out",
      auth: "session",
      body: z.strictObject({ currentPassword: passwordField, newPassword: newPasswordField }),
      answers: { 204: null },
      problems: ["unauthenticated", "wrong_password", "rate_limited", "limiter_unavailable"],
      whenAway: "Refuses with 503 when the limiter or the database is away.",
    },
  },
});

export const passwordResetApi = declare({
  name: "password-reset",
  summary: "Forgotten password",
  routes: {
    POST: {
      summary:
        "With an e-mail: mails a link that works once, for 30 minutes (202, whether we know the address or not). With the " +
        "link's token and a password: sets it and signs every device out (204)",
      auth: "none",
      form: true,
      body: z
        .strictObject({
          email: emailField.optional(),
          token: opaqueField.optional(),
          password: newPasswordField.optional(),
        })
        .transform(({ email, token, password }, context) => {
          if (email !== undefined && token === undefined && password === undefined)
            return { kind: "ask" as const, email };
          if (email === undefined && token !== undefined && password !== undefined)
            return { kind: "set" as const, token, password };
          context.addIssue({ code: "custom", path: ["email"], message: "give email, or token and password" });
          return z.NEVER;
        }),
      answers: { 202: null, 204: null, 303: null },
      problems: ["invalid_link", "rate_limited", "limiter_unavailable"],
      whenAway: "Refuses with 503 when the limiter or the database is away; mail that is away is sent later.",
    },
  },
});

export const emailVerificationApi = declare({
  name: "email-verification",
  summary: "Verify the e-mail",
  routes: {
    POST: {
      summary:
        "With an e-mail: mails a link (202, whether we know the address or not). With the link's token: verifies (204)",
      auth: "none",
      body: z
        .strictObject({ email: emailField.optional(), token: opaqueField.optional() })
        .transform(({ email, token }, context) => {
          if (email !== undefined && token === undefined) return { kind: "ask" as const, email };
          if (email === undefined && token !== undefined) return { kind: "verify" as const, token };
          context.addIssue({ code: "custom", path: ["email"], message: "give either email or token" });
          return z.NEVER;
        }),
      answers: { 202: null, 204: null },
      problems: ["invalid_link", "rate_limited", "limiter_unavailable"],
      whenAway: "Refuses with 503 when the limiter or the database is away; mail that is away is sent later.",
    },
  },
});

export const citizenApi = declare({
  name: "citizen",
  summary: "Your citizen",
  routes: {
    POST: {
      summary:
        "Have ducats delivered to another citizen, unproved; purchases keep the citizen they were made for",
      auth: "session",
      body: z.strictObject({ citizen: citizenField }),
      answers: accountAnswer,
      problems: [
        "unauthenticated",
        "unknown_citizen",
        "rate_limited",
        "limiter_unavailable",
        "venice_unavailable",
      ],
      whenAway: "Refuses with 503 when the limiter, Venice or the database is away: nothing is changed.",
    },
    DELETE: {
      summary: "Take the proof back: the citizen stays where ducats are delivered, and signs in no more",
      auth: "session",
      answers: accountAnswer,
      problems: ["unauthenticated"],
      whenAway: databaseAway,
    },
  },
});

export const citizenProofApi = declare({
  name: "citizen-proof",
  summary: "Prove your citizen",
  routes: {
    POST: {
      summary:
        "With nothing: a message for the wallet that Venice knows as your citizen's (201). With its signature: proves him (200)",
      auth: "session",
      body: z
        .strictObject({ challenge: opaqueField.optional(), signature: opaqueField.optional() })
        .transform(({ challenge, signature }, context) => {
          if (challenge === undefined && signature === undefined) return { kind: "ask" as const };
          if (challenge !== undefined && signature !== undefined)
            return { kind: "prove" as const, challenge, signature };
          context.addIssue({
            code: "custom",
            path: ["signature"],
            message: "give challenge and signature together",
          });
          return z.NEVER;
        }),
      answers: { ...accountAnswer, 201: challengeWire },
      problems: [
        "unauthenticated",
        "invalid_proof",
        "no_wallet",
        "citizen_taken",
        "citizen_changed",
        "rate_limited",
        "limiter_unavailable",
        "venice_unavailable",
      ],
      whenAway: "Refuses with 503 when the limiter, Venice or the database is away.",
    },
  },
});
