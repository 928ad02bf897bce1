/** `passkeys`: keys of the customer's own devices that sign in without a password (WebAuthn). */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { nameField, opaqueField } from "./fields.ts";
import { textWire, timeWire } from "./wire.ts";

const unauthenticated = ["unauthenticated"] as const;

const binary = z
  .string()
  .regex(/^[\w-]*$/, "must be base64url")
  .max(20_000, "must have at most 20000 characters");
/** WebAuthn bounds an id to 1,023 bytes, and an index entry has its own bound. */
const credentialId = binary.max(1_364, "must have at most 1364 characters");
/** What the browser says of a credential, the rest left out: extensions are neither asked for nor read. */
const credential = {
  id: credentialId,
  rawId: credentialId,
  type: z.literal("public-key"),
  clientExtensionResults: z.object({}).default({}),
};

/** As the browser gives a new credential (RegistrationResponseJSON). */
const newCredential = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: binary,
    attestationObject: binary,
    transports: z.array(textWire.max(20)).max(10).default([]),
  }),
});

/** As the browser gives a signature (AuthenticationResponseJSON). */
export const signedCredential = z.object({
  ...credential,
  response: z.object({ clientDataJSON: binary, authenticatorData: binary, signature: binary }),
});

export const passkeyOptionsWire = z.strictObject({
  challenge: z.string().meta({ description: "Send it back with the credential." }),
  options: z.looseObject({}).meta({ description: "The options for the browser, as WebAuthn's JSON." }),
});

const passkeyWire = z.strictObject({
  id: z.string(),
  name: z.string(),
  synced: z.boolean().meta({ description: "Whether it lives on several of the customer's devices." }),
  createdAt: timeWire,
  lastUsedAt: timeWire.nullable(),
});

export const passkeysApi = declare({
  name: "passkeys",
  summary: "Passkeys",
  routes: {
    GET: {
      summary: "Your passkeys, the oldest first",
      auth: "session",
      answers: { 200: z.strictObject({ passkeys: z.array(passkeyWire) }) },
      problems: unauthenticated,
      whenAway: "Refuses with 503 when the database is away.",
    },
    POST: {
      summary:
        "Without a credential: options for the browser (201). With the browser's credential: adds it (200)",
      auth: "session",
      body: z
        .strictObject({
          challenge: opaqueField.optional(),
          credential: newCredential.optional(),
          name: nameField.default("Passkey"),
        })
        .transform(({ challenge, credential, name }, context) => {
          if (challenge === undefined && credential === undefined) return { kind: "ask" as const };
          if (challenge !== undefined && credential !== undefined)
            return { kind: "add" as const, challenge, credential, name };
          context.addIssue({
            code: "custom",
            path: ["credential"],
            message: "give challenge and credential together",
          });
          return z.NEVER;
        }),
      answers: { 200: z.strictObject({ id: z.string() }), 201: passkeyOptionsWire },
      problems: [
        ...unauthenticated,
        "invalid_proof",
        "passkey_taken",
        "passkey_limit_reached",
        "rate_limited",
        "limiter_unavailable",
      ],
      whenAway: "Refuses with 503 when the limiter or the database is away.",
    },
    "POST /{id}": {
      summary: "Rename a passkey",
      auth: "session",
      body: z.strictObject({ name: nameField }),
      answers: { 204: null },
      problems: [...unauthenticated, "not_found"],
      whenAway: "Refuses with 503 when the database is away.",
    },
    "DELETE /{id}": {
      summary: "Remove a passkey: it signs in no more",
      auth: "session",
      answers: { 204: null },
      problems: [...unauthenticated, "not_found"],
      whenAway: "Refuses with 503 when the database is away.",
    },
  },
});
