/** Ids that say what they name: `acc_`, `pur_`, `key_` … and 20 random characters (103 bits). */
import { randomInt } from "node:crypto";

export type IdKind =
  | "acc"
  | "ses"
  | "dev"
  | "tok"
  | "chl"
  | "key"
  | "pur"
  | "quo"
  | "dlv"
  | "rfd"
  | "rcl"
  | "req"
  | "sst"
  | "sch";
export type NewId = (kind: IdKind) => string;

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

export const randomId: NewId = (kind) => `${kind}_${randomText(20)}`;

/** Cryptographically random lower-case letters and digits. */
export function randomText(length: number): string {
  let text = "";
  for (let index = 0; index < length; index += 1) text += alphabet.charAt(randomInt(alphabet.length));
  return text;
}
