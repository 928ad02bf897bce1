/** What a stratagem row says about its ducats (VENICE.md, section 4). Pure; anyone can write a row, so it never proves. */
import { wholeDucats, millisOfDecimal, type Millis } from "../money.ts";
import { PROCESSOR, type SeenRow } from "../venice/port.ts";
import type { Verdict } from "./outbox.ts";

type Expected = { readonly stratagemId: string; readonly citizen: string; readonly millis: Millis };

/** `waiting` rows say nothing yet. */
export type Reading = Verdict | "waiting";

export function readEvidence(row: SeenRow | undefined, expected: Expected): Reading {
  if (!row || isAltered(row, expected)) return "unknown";
  const transferred = /^\[[\d: -]+\] Successfully transferred /m.test(row.notes);
  switch (row.status) {
    case "active":
    case "planned":
      return transferred ? "unknown" : "waiting";
    case "executed":
      return transferred && row.executedAt !== null ? "executed" : "unknown";
    case "failed":
      // An earlier success stands above the error of a second run.
      return transferred ? "executed" : refusedWithoutEffect(row.notes) ? "refused" : "unknown";
    case "cancelled":
      // We void a refused row before its ducats go back to the wallet.
      return isVoided(row.notes) ? "refused" : "unknown";
    default:
      return "unknown";
  }
}

/** Whether the row still pays what we wrote to whom we wrote, as the game would read it. */
function isAltered(row: SeenRow, expected: Expected): boolean {
  return (
    row.stratagemId !== expected.stratagemId ||
    row.type !== "transfer_ducats" ||
    row.executedBy !== PROCESSOR ||
    row.targetCitizen !== expected.citizen ||
    (!isVoided(row.notes) && amountOf(row.notes) !== wholeDucats(expected.millis))
  );
}

function refusedWithoutEffect(notes: string): boolean {
  return /^\[ERROR\] (Insufficient funds: |Sender .* not found\.|Receiver .* not found\.|Missing required fields or invalid amount\.)/m.test(
    notes,
  );
}

/** The game appends lines to Notes: only the first JSON value is ours. */
function amountOf(notes: string): Millis | undefined {
  const value = firstJson(notes);
  return value ? millisOfDecimal(Reflect.get(value, "amount")) : undefined;
}

function isVoided(notes: string): boolean {
  const value = firstJson(notes);
  return value !== undefined && Reflect.get(value, "voided") === true && Reflect.get(value, "amount") === 0;
}

function firstJson(notes: string): object | undefined {
  // Our own JSON is one line: what follows the first line end is the game's.
  const [line = ""] = notes.split("\n", 1);
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
