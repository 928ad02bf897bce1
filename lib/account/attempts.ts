/**
 * How often a door may be tried: by what is asked for, and by the network that asks. The limiter bounds bursts, before any
 * password is looked at; the waits that grow with every wrong password are the database's (sign-in.ts).
 */
import { createHash } from "node:crypto";
import type { Limiter, LimitRule, Verdict } from "../redis/port.ts";
import { networkOf } from "./network.ts";

const quarterHour = 15 * 60;
const hour = 60 * 60;
const signInByAccount = { name: "sign-in-account", limit: 5, windowSeconds: quarterHour };
const signInByAddress = { name: "sign-in-address", limit: 5, windowSeconds: quarterHour };
const signInByDevice = { name: "sign-in-device", limit: 5, windowSeconds: quarterHour };
/** All of an e-mail's devices together: who once knew the password must not gather devices to guess the next with. */
const signInByDevices = { name: "sign-in-devices", limit: 20, windowSeconds: quarterHour };
const signUpByAddress = { name: "sign-up-address", limit: 5, windowSeconds: quarterHour };
const proofByAddress = { name: "proof-address", limit: 20, windowSeconds: quarterHour };
const changeByAccount = { name: "change-account", limit: 20, windowSeconds: quarterHour };
const passwordBySession = { name: "password-session", limit: 5, windowSeconds: quarterHour };
const linkByEmail = { name: "link-email", limit: 3, windowSeconds: hour };
const linkByAddress = { name: "link-address", limit: 10, windowSeconds: hour };
const linkUseByAddress = { name: "link-use-address", limit: 10, windowSeconds: quarterHour };

/**
 * One attempt on each count, the same whether the e-mail is known or not.
 * @param device one that signed in to this e-mail before: it has a budget of its own, and no other's troubles.
 */
export function countSignIn(
  limiter: Limiter,
  email: string,
  address: string,
  device: string | null,
): Promise<Verdict[]> {
  if (device !== null)
    return counted(limiter, [
      [signInByDevice, device],
      [signInByDevices, email],
    ]);
  return counted(limiter, [
    [signInByAddress, networkOf(address)],
    [signInByAccount, email],
  ]);
}

export function countSignUp(limiter: Limiter, address: string): Promise<Verdict[]> {
  return counted(limiter, [[signUpByAddress, networkOf(address)]]);
}

/** A challenge asked for, or a signature given: by passkey or by wallet. */
export function countProof(limiter: Limiter, address: string): Promise<Verdict[]> {
  return counted(limiter, [[proofByAddress, networkOf(address)]]);
}

/** Something that asks Venice, or keeps a challenge, for somebody signed in: deliveries share Venice's requests. */
export function countChange(limiter: Limiter, accountId: string): Promise<Verdict[]> {
  return counted(limiter, [[changeByAccount, accountId]]);
}

/** The current password, asked of somebody signed in: a stolen session must not be able to guess it. */
export function countPasswordChange(limiter: Limiter, sessionId: string): Promise<Verdict[]> {
  return counted(limiter, [[passwordBySession, sessionId]]);
}

/** A link to be mailed. */
export function countLink(limiter: Limiter, email: string, address: string): Promise<Verdict[]> {
  return counted(limiter, [
    [linkByAddress, networkOf(address)],
    [linkByEmail, email],
  ]);
}

/** A mailed link that is opened: behind each one a password is hashed. */
export function countLinkUse(limiter: Limiter, address: string): Promise<Verdict[]> {
  return counted(limiter, [[linkUseByAddress, networkOf(address)]]);
}

function counted(limiter: Limiter, counts: readonly (readonly [LimitRule, string])[]): Promise<Verdict[]> {
  return limiter.takeInTurn(counts.map(([rule, subject]) => [rule, digest(subject)]));
}

/** What is counted by: Redis holds no personal data in the clear. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
