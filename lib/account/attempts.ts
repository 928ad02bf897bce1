/** How often a door may be tried: by the account that is asked for, and by the network address that asks. */
import { createHash } from "node:crypto";
import type { Limiter, Verdict } from "../redis/port.ts";
import { networkOf } from "./network.ts";

const fifteenMinutes = 15 * 60;
const signInByAccount = { name: "sign-in-account", limit: 5, windowSeconds: fifteenMinutes };
const signInByAddress = { name: "sign-in-address", limit: 5, windowSeconds: fifteenMinutes };
const signUpByAddress = { name: "sign-up-address", limit: 5, windowSeconds: fifteenMinutes };

/** One attempt on each count, the same whether the e-mail is known or not. */
export function countSignIn(limiter: Limiter, email: string, address: string): Promise<Verdict[]> {
  return Promise.all([
    limiter.take(signInByAccount, digest(email)),
    limiter.take(signInByAddress, digest(networkOf(address))),
  ]);
}

export async function countSignUp(limiter: Limiter, address: string): Promise<Verdict[]> {
  return [await limiter.take(signUpByAddress, digest(networkOf(address)))];
}

/** Redis holds no personal data in the clear. */
function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
