/** Airtable's identifiers: three letters and fourteen letters or digits. */
import { randomInt } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

export function randomId(prefix: "rec" | "tbl" | "itr"): string {
  let id: string = prefix;
  for (let index = 0; index < 14; index += 1) id += ALPHABET.charAt(randomInt(ALPHABET.length));
  return id;
}
