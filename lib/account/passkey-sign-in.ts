/** Signs in with a passkey: the device finds the account, no e-mail is typed. */
import type { AuthenticationResponseJSON } from "@simplewebauthn/server";
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import { challengeEnd, openChallenge } from "./challenge.ts";
import { relyingParty } from "./relying-party.ts";
import { newSession } from "./sessions.ts";
import { completedRow, signedIn, type SignedIn } from "./sign-in.ts";

type Ports = Pick<App, "db" | "env" | "clock" | "newId" | "visit">;

/** What a browser needs to ask its owner for a passkey. */
export async function offerPasskeySignIn(app: Ports) {
  const { generateAuthenticationOptions } = await import("@simplewebauthn/server");
  const options = await generateAuthenticationOptions({
    rpID: relyingParty(app.env).id,
    userVerification: "required",
  });
  const challenge = await openChallenge(app, null, {
    purpose: "passkey_sign_in",
    secret: options.challenge,
    expiresAt: challengeEnd(app.clock()),
  });
  if (challenge === null) throw new Error("a sign-in's challenge needs no session");
  return { challenge, options };
}

const begunColumn = z.object({
  secret: z.string(),
  publicKey: z.string(),
  counter: z.int(),
  transports: z.array(z.string()),
});

/** The challenge is used up, whatever becomes of it. @throws Unavailable */
export async function signInByPasskey(
  app: Ports,
  challenge: string,
  response: AuthenticationResponseJSON,
): Promise<SignedIn | { readonly kind: "invalid_proof" }> {
  const { begun } = await app.db.one(
    sql`select begin_passkey_sign_in(${app.clock()}::timestamptz, ${challenge}, ${response.id}) as begun`,
    z.object({ begun: begunColumn.nullable() }),
  );
  if (begun === null) return { kind: "invalid_proof" };
  const { verifyAuthenticationResponse } = await import("@simplewebauthn/server");
  const site = relyingParty(app.env);
  const { secret, publicKey, counter, transports } = begun;
  const verified = await verifyAuthenticationResponse({
    response,
    expectedChallenge: secret,
    expectedOrigin: site.origin,
    expectedRPID: site.id,
    credential: {
      id: response.id,
      publicKey: new Uint8Array(Buffer.from(publicKey, "hex")),
      counter,
      transports,
    },
  }).catch(() => null);
  if (!verified?.verified) return { kind: "invalid_proof" };
  const session = newSession(app);
  const { account } = await app.db.one(
    sql`select complete_passkey_sign_in(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${response.id},
      ${counter}::bigint, ${verified.authenticationInfo.newCounter}::bigint, ${session.row}::jsonb) as account`,
    completedRow,
  );
  return account === null ? { kind: "invalid_proof" } : await signedIn(app, account, session);
}
