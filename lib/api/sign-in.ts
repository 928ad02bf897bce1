/** `signup`, `login`, `passkey-login`, `venice-login`, `refresh`, `logout`: the ways in and out. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import {
  accountWire,
  bearerField,
  challengeWire,
  citizenField,
  emailField,
  newPasswordField,
  opaqueField,
  passwordField,
  signedInWire,
  tokensWire,
} from "./fields.ts";
import { textWire } from "./wire.ts";
import { passkeyOptionsWire, signedCredential } from "./passkeys.ts";

export const signupApi = declare({
  name: "signup",
  summary: "Open an account",
  routes: {
    POST: {
      summary:
        "Open an account for a citizen of Venice; the citizen is where ducats are delivered, not a proof of who you are",
      auth: "none",
      form: true,
      body: z.strictObject({ email: emailField, password: newPasswordField, citizen: citizenField }),
      answers: { 201: z.strictObject({ account: accountWire }), 303: null },
      problems: [
        "email_taken",
        "unknown_citizen",
        "rate_limited",
        "limiter_unavailable",
        "venice_unavailable",
      ],
      whenAway: "Refuses with 503 when the limiter, Venice or the database is away: nothing is stored.",
    },
  },
});

export const loginApi = declare({
  name: "login",
  summary: "Sign in",
  routes: {
    POST: {
      summary: "Sign in with e-mail and password",
      auth: "none",
      form: true,
      body: z.strictObject({
        email: textWire.trim().toLowerCase().max(254, "must have at most 254 characters"),
        password: passwordField,
        bearer: bearerField,
      }),
      answers: { 200: signedInWire, 303: null },
      problems: ["invalid_credentials", "rate_limited", "limiter_unavailable"],
      whenAway:
        "Refuses with 503 within 250 ms when the limiter is away, and when the database is: a password is never checked uncounted.",
    },
  },
});

export const passkeyLoginApi = declare({
  name: "passkey-login",
  summary: "Sign in with a passkey",
  routes: {
    POST: {
      summary:
        "Without a credential: options for the browser (201). With the browser's credential: signs in (200)",
      auth: "none",
      body: z
        .strictObject({
          challenge: opaqueField.optional(),
          credential: signedCredential.optional(),
          bearer: bearerField,
        })
        .transform(({ challenge, credential, bearer }, context) => {
          if (challenge === undefined && credential === undefined) return { kind: "ask" as const };
          if (challenge !== undefined && credential !== undefined)
            return { kind: "prove" as const, challenge, credential, bearer };
          context.addIssue({
            code: "custom",
            path: ["credential"],
            message: "give challenge and credential together",
          });
          return z.NEVER;
        }),
      answers: { 200: signedInWire, 201: passkeyOptionsWire },
      problems: ["invalid_proof", "rate_limited", "limiter_unavailable"],
      whenAway: "Refuses with 503 when the limiter or the database is away.",
    },
  },
});

export const veniceLoginApi = declare({
  name: "venice-login",
  summary: "Sign in with Venice",
  routes: {
    POST: {
      summary:
        "With a citizen: a message for his wallet to sign (201). With its signature: signs in to the account that has proved him (200)",
      auth: "none",
      body: z
        .strictObject({
          citizen: citizenField.optional(),
          challenge: opaqueField.optional(),
          signature: opaqueField.optional(),
          bearer: bearerField,
        })
        .transform(({ citizen, challenge, signature, bearer }, context) => {
          if (citizen !== undefined && challenge === undefined && signature === undefined)
            return { kind: "ask" as const, citizen };
          if (citizen === undefined && challenge !== undefined && signature !== undefined)
            return { kind: "prove" as const, challenge, signature, bearer };
          context.addIssue({
            code: "custom",
            path: ["citizen"],
            message: "give citizen, or challenge and signature",
          });
          return z.NEVER;
        }),
      answers: { 200: signedInWire, 201: challengeWire },
      problems: ["invalid_proof", "rate_limited", "limiter_unavailable"],
      whenAway: "Refuses with 503 when the limiter or the database is away; Venice is not asked.",
    },
  },
});

export const refreshApi = declare({
  name: "refresh",
  summary: "Go on being signed in",
  routes: {
    POST: {
      summary:
        "Take a program's refresh token for the next pair; pages need it not, their cookies are renewed on the way",
      auth: "none",
      body: z.strictObject({ refreshToken: opaqueField }),
      answers: { 200: z.strictObject({ tokens: tokensWire }) },
      problems: ["unauthenticated"],
      whenAway: "Refuses with 503 when the database is away.",
    },
  },
});

export const logoutApi = declare({
  name: "logout",
  summary: "Sign out",
  routes: {
    POST: {
      summary: "End this session, by its cookies or its bearer token",
      auth: "none",
      form: true,
      body: z.strictObject({}),
      answers: { 204: null, 303: null },
      problems: ["unauthenticated"],
      whenAway: "Refuses with 503 when the database is away: the session has not ended then.",
    },
  },
});
