/** The account's citizen: where ducats are delivered, and proved when his wallet has signed for it. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import { accountColumn, findAccount, type Account } from "./account.ts";
import { challengeEnd, openChallenge, takeChallenge } from "./challenge.ts";
import { relyingParty } from "./relying-party.ts";
import { isWallet, walletMessage, walletSigned } from "./wallet.ts";

type Ports = Pick<App, "db" | "venice" | "env" | "clock" | "newId" | "visit">;
type Changed = { readonly kind: "changed"; readonly account: Account };
const accountRow = z.object({ account: accountColumn.nullable() });

/** Another delivery address, unproved. The citizen must exist in Venice under exactly this name. @throws Unavailable */
export async function changeCitizen(
  app: Ports,
  sessionId: string,
  citizen: string,
): Promise<Changed | { readonly kind: "unknown_citizen" | "unauthorised" }> {
  if (!(await app.venice.purses([citizen])).has(citizen)) return { kind: "unknown_citizen" };
  const { account } = await app.db.one(
    sql`select change_citizen(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${citizen}) as account`,
    accountRow,
  );
  return account === null ? { kind: "unauthorised" } : { kind: "changed", account };
}

/** Takes the proof back; null when the session has ended. */
export async function unlinkCitizen(
  app: Pick<App, "db" | "clock" | "visit">,
  sessionId: string,
): Promise<Account | null> {
  const { account } = await app.db.one(
    sql`select unlink_citizen(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}) as account`,
    accountRow,
  );
  return account;
}

export type ProofOffer =
  | {
      readonly kind: "offered";
      readonly challenge: string;
      readonly message: string;
      readonly expiresAt: string;
    }
  | { readonly kind: "no_wallet" | "unauthorised" };

/** A message for the wallet that Venice knows, now, as the citizen's. @throws Unavailable */
export async function offerProof(app: Ports, sessionId: string): Promise<ProofOffer> {
  const account = await findAccount(app, sessionId);
  if (account === null) return { kind: "unauthorised" };
  const wallet = await app.venice.walletOf(account.citizen);
  if (wallet === null || !isWallet(wallet)) return { kind: "no_wallet" };
  const now = app.clock();
  const expiresAt = challengeEnd(now);
  const message = walletMessage({
    domain: new URL(relyingParty(app.env).origin).host,
    purpose: `This links the citizen to the account of ${account.email}, which he can then sign in to.`,
    citizen: account.citizen,
    issuedAt: now.toISOString(),
    expiresAt,
  });
  const challenge = await openChallenge(app, sessionId, {
    purpose: "citizen_proof",
    secret: message,
    citizen: account.citizen,
    wallet,
    expiresAt,
  });
  return challenge === null ? { kind: "unauthorised" } : { kind: "offered", challenge, message, expiresAt };
}

export type ProofOutcome =
  Changed | { readonly kind: "invalid_proof" | "citizen_taken" | "citizen_changed" | "unauthorised" };

/** The challenge is used up, whatever becomes of it. */
export async function proveCitizen(
  app: Pick<App, "db" | "clock" | "visit">,
  sessionId: string,
  challengeId: string,
  signature: string,
): Promise<ProofOutcome> {
  const challenge = await takeChallenge(app, sessionId, challengeId, "citizen_proof");
  if (challenge?.wallet == null || !walletSigned(challenge.wallet, challenge.secret, signature))
    return { kind: "invalid_proof" };
  const { outcome } = await app.db.one(
    sql`select prove_citizen(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${challenge.citizen},
      ${challenge.wallet}) as outcome`,
    z.object({
      outcome: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("changed"), account: accountColumn }),
        z.object({ kind: z.enum(["citizen_taken", "citizen_changed", "unauthorised"]) }),
      ]),
    }),
  );
  return outcome;
}
