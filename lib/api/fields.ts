/** Fields that several declarations share: who signs in, with what. */
import * as z from "zod";
import { isOneLine } from "../citizens/name.ts";
import { PROCESSOR } from "../processor.ts";
import { textWire, timeWire } from "./wire.ts";

export const emailField = z
  .string()
  .trim()
  .toLowerCase()
  .max(254, "must have at most 254 characters")
  .pipe(z.email("must be an e-mail address"));
/** Upper bound: what is hashed is bounded. */
export const newPasswordField = z
  .string()
  .min(10, "must have at least 10 characters")
  .max(200, "must have at most 200 characters");
/** A password to compare: whatever was typed. */
export const passwordField = z.string().max(200, "must have at most 200 characters");
/** It stands in the message that a wallet signs: no line of its own, no letter that turns the text around. */
export const citizenField = textWire
  .trim()
  .refine(isOneLine, "must be one line of text")
  .min(1, "must not be empty")
  .max(100, "must have at most 100 characters")
  .refine((name) => name !== PROCESSOR, "must be a citizen of yours: this one pays the deliveries");
export const nameField = textWire
  .trim()
  .min(1, "must not be empty")
  .max(80, "must have at most 80 characters");
/** Tokens, ids, signatures: ours or an authenticator's, and never longer. */
export const opaqueField = textWire.min(1, "must not be empty").max(500, "must have at most 500 characters");

/** Programs get tokens in the answer; a page gets cookies that no script can read. */
export const bearerField = z.boolean().default(false).meta({
  description:
    "True: the session's tokens come in the answer, for a program. False: as cookies, for a page of this site.",
});

export const accountWire = z.strictObject({
  id: z.string(),
  email: z.string(),
  emailVerified: z.boolean(),
  citizen: z.string(),
  citizenProved: z.boolean().meta({
    description:
      "Whether the citizen's wallet has signed for this account; else it is a delivery address only.",
  }),
  role: z.enum(["customer", "support", "admin"]),
});

export const tokensWire = z.strictObject({
  accessToken: z.string().meta({ description: "Send it as a bearer token." }),
  accessExpiresAt: timeWire,
  refreshToken: z.string().meta({ description: "Works once: `refresh` answers the next pair." }),
});

/** `tokens` is null where the session came as cookies. */
export const signedInWire = z.strictObject({ account: accountWire, tokens: tokensWire.nullable() });

/** What somebody's key must sign, once, until it expires. */
export const challengeWire = z.strictObject({
  challenge: z.string().meta({ description: "Send it back with the signature." }),
  message: z
    .string()
    .meta({ description: "The text to sign with the citizen's wallet, byte for byte (UTF-8)." }),
  expiresAt: timeWire,
});
