/** Passkeys of an account: WebAuthn credentials that sign in without a password. */
import type { RegistrationResponseJSON } from "@simplewebauthn/server";
import * as z from "zod";
import type { App } from "../app.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { challengeEnd, openChallenge, takeChallenge } from "./challenge.ts";
import { keyAlgorithms, relyingParty } from "./relying-party.ts";

type Ports = Pick<App, "db" | "env" | "clock" | "newId" | "visit">;

const listColumn = z.object({
  accountId: z.string(),
  email: z.string(),
  passkeys: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      transports: z.array(z.string()),
      synced: z.boolean(),
      createdAt: timeColumn,
      lastUsedAt: timeColumn.nullable(),
    }),
  ),
});

/** The account's passkeys, the oldest first; null when the session has ended. */
export async function listPasskeys(app: Pick<App, "db" | "clock">, sessionId: string) {
  const { list } = await app.db.one(
    sql`select list_passkeys(${app.clock()}::timestamptz, ${sessionId}) as list`,
    z.object({ list: listColumn.nullable() }),
  );
  return list;
}

/** What a browser needs to make a passkey; null when the session has ended. */
export async function offerPasskey(app: Ports, sessionId: string) {
  const list = await listPasskeys(app, sessionId);
  if (list === null) return null;
  const { generateRegistrationOptions } = await import("@simplewebauthn/server");
  const site = relyingParty(app.env);
  const options = await generateRegistrationOptions({
    rpName: site.name,
    rpID: site.id,
    supportedAlgorithmIDs: keyAlgorithms,
    userName: list.email,
    userID: new TextEncoder().encode(list.accountId),
    excludeCredentials: list.passkeys.map(({ id, transports }) => ({ id, transports })),
    // Found without an e-mail being typed, and unlocked by its owner: it stands for a password, too.
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
  });
  const challenge = await openChallenge(app, sessionId, {
    purpose: "passkey_add",
    secret: options.challenge,
    expiresAt: challengeEnd(app.clock()),
  });
  return challenge === null ? null : { challenge, options };
}

export type NewPasskey = {
  readonly challenge: string;
  readonly credential: RegistrationResponseJSON;
  readonly name: string;
};

export type AddPasskeyOutcome = "added" | "taken" | "limit" | "invalid_proof" | "unauthorised";

/** The challenge is used up, whatever becomes of it. */
export async function addPasskey(
  app: Ports,
  sessionId: string,
  wish: NewPasskey,
): Promise<AddPasskeyOutcome> {
  const challenge = await takeChallenge(app, sessionId, wish.challenge, "passkey_add");
  if (challenge === null) return "invalid_proof";
  const { verifyRegistrationResponse } = await import("@simplewebauthn/server");
  const site = relyingParty(app.env);
  // It throws for whatever is wrong with a credential: a browser's answer is never a mistake of ours.
  const verified = await verifyRegistrationResponse({
    response: wish.credential,
    expectedChallenge: challenge.secret,
    expectedOrigin: site.origin,
    expectedRPID: site.id,
    supportedAlgorithmIDs: keyAlgorithms,
  }).catch(() => null);
  if (!verified?.verified) return "invalid_proof";
  const { credential, credentialBackedUp } = verified.registrationInfo;
  if (credential.id !== wish.credential.id) return "invalid_proof";
  const passkey = {
    id: credential.id,
    name: wish.name,
    publicKey: Buffer.from(credential.publicKey).toString("hex"),
    counter: credential.counter,
    transports: credential.transports ?? [],
    synced: credentialBackedUp,
  };
  const { outcome } = await app.db.one(
    sql`select add_passkey(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId},
      ${JSON.stringify(passkey)}::jsonb) as outcome`,
    z.object({ outcome: z.enum(["added", "taken", "limit", "unauthorised"]) }),
  );
  return outcome;
}

export async function renamePasskey(
  app: Pick<App, "db" | "clock" | "visit">,
  sessionId: string,
  id: string,
  name: string,
) {
  const { outcome } = await app.db.one(
    sql`select rename_passkey(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${id}, ${name}) as outcome`,
    z.object({ outcome: z.enum(["renamed", "not_found", "unauthorised"]) }),
  );
  return outcome;
}

export async function removePasskey(app: Pick<App, "db" | "clock" | "visit">, sessionId: string, id: string) {
  const { outcome } = await app.db.one(
    sql`select remove_passkey(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${id}) as outcome`,
    z.object({ outcome: z.enum(["removed", "not_found", "unauthorised"]) }),
  );
  return outcome;
}
