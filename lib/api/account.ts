/** `signup`, `login`, `logout`, `me`: accounts and their sessions. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { accountWire, textWire, timeWire } from "./wire.ts";

const email = z
  .string()
  .trim()
  .toLowerCase()
  .max(254, "must have at most 254 characters")
  .pipe(z.email("must be an e-mail address"));
/** Upper bound: what is hashed is bounded. */
const password = z
  .string()
  .min(10, "must have at least 10 characters")
  .max(200, "must have at most 200 characters");
const citizen = textWire.trim().min(1, "must not be empty").max(100, "must have at most 100 characters");

export const signupApi = declare({
  name: "signup",
  summary: "Open an account",
  routes: {
    POST: {
      summary:
        "Open an account for a citizen of Venice; the citizen is where ducats are delivered, not a proof of who you are",
      auth: "none",
      form: true,
      body: z.strictObject({ email, password, citizen }),
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
      summary: "Sign in; the session comes as a cookie and as a bearer token",
      auth: "none",
      form: true,
      body: z.strictObject({ email: textWire.trim().toLowerCase().max(254), password: z.string().max(200) }),
      answers: {
        200: z.strictObject({ token: z.string(), expiresAt: timeWire, account: accountWire }),
        303: null,
      },
      problems: ["invalid_credentials", "rate_limited", "limiter_unavailable"],
      whenAway:
        "Refuses with 503 when the limiter or the database is away: a password is never checked uncounted.",
    },
  },
});

export const logoutApi = declare({
  name: "logout",
  summary: "Sign out",
  routes: {
    POST: {
      summary: "End this browser's session cookie",
      auth: "none",
      form: true,
      body: z.strictObject({}),
      answers: { 204: null, 303: null },
      problems: [],
      whenAway: "Asks no other service.",
    },
  },
});

export const meApi = declare({
  name: "me",
  summary: "Who am I",
  routes: {
    GET: {
      summary: "The signed-in account",
      auth: "session",
      answers: { 200: z.strictObject({ account: accountWire }) },
      problems: ["unauthenticated"],
      whenAway: "Refuses with 503 when the database is away.",
    },
  },
});
