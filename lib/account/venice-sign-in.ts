/** Signs in with Venice: the wallet that has proved a citizen signs again. Venice itself is not asked: anybody can write there. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import { challengeEnd, openChallenge } from "./challenge.ts";
import { relyingParty } from "./relying-party.ts";
import { newSession } from "./sessions.ts";
import { completedRow, signedIn, type SignedIn } from "./sign-in.ts";
import { walletMessage, walletSigned } from "./wallet.ts";

type Ports = Pick<App, "db" | "env" | "clock" | "newId" | "visit">;

/** A message for the citizen's wallet, whether an account has proved him or not: that is nobody's business yet. */
export async function offerVeniceSignIn(app: Ports, citizen: string) {
  const now = app.clock();
  const expiresAt = challengeEnd(now);
  const message = walletMessage({
    domain: new URL(relyingParty(app.env).origin).host,
    purpose: "This signs you in to the account that you have linked the citizen to.",
    citizen,
    issuedAt: now.toISOString(),
    expiresAt,
  });
  const challenge = await openChallenge(app, null, {
    purpose: "venice_sign_in",
    secret: message,
    citizen,
    expiresAt,
  });
  if (challenge === null) throw new Error("a sign-in's challenge needs no session");
  return { challenge, message, expiresAt };
}

const begunColumn = z.object({
  message: z.string(),
  accountId: z.string().nullable(),
  wallet: z.string().nullable(),
});

/** The challenge is used up, whatever becomes of it. @throws Unavailable */
export async function signInByVenice(
  app: Ports,
  challenge: string,
  signature: string,
): Promise<SignedIn | { readonly kind: "invalid_proof" }> {
  const { begun } = await app.db.one(
    sql`select begin_venice_sign_in(${app.clock()}::timestamptz, ${challenge}) as begun`,
    z.object({ begun: begunColumn.nullable() }),
  );
  if (begun?.accountId == null || begun.wallet === null) return { kind: "invalid_proof" };
  if (!walletSigned(begun.wallet, begun.message, signature)) return { kind: "invalid_proof" };
  const session = newSession(app);
  const { account } = await app.db.one(
    sql`select complete_venice_sign_in(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${begun.accountId},
      ${begun.wallet}, ${session.row}::jsonb) as account`,
    completedRow,
  );
  return account === null ? { kind: "invalid_proof" } : await signedIn(app, account, session);
}
