/** What a stratagem row says about its ducats (VENICE.md, section 4). Pure; anyone can write a row, so it never proves. */
import { MINUTE_MS, SECOND_MS } from "../clock.ts";
import { wholeDucats, millisOfDecimal, type Millis } from "../money.ts";
import { PROCESSOR } from "../processor.ts";
import type { SeenRow } from "../venice/port.ts";
import type { Verdict } from "./outbox.ts";

type Expected = {
  readonly transport: "rows" | "try_create";
  /** The row's StratagemId; by try-create, whose rows the game names, a part of its notes. */
  readonly reference: string;
  readonly citizen: string;
  readonly millis: Millis;
  /** The row's UpdatedAt when it was pinned, inert, and as our activation left it, where they are known. */
  readonly inertAt: string | null;
  readonly touchedAt: string | null;
};

/** `waiting` rows say nothing yet. */
export type Reading = Exclude<Verdict, "tampered"> | "waiting";

/** The game's clock beside Airtable's, or beside ours. */
export const clocksDifferMs = 5 * MINUTE_MS;
/** From a transfer's beginning (ExecutedAt) to its row's one write at the end, Airtable's penalties included. */
const transferTakesMs = 10 * MINUTE_MS;

export function readEvidence(row: SeenRow | undefined, expected: Expected): Reading | "tampered" {
  // The game's own error leaves nothing of our notes.
  if (!row || row.status === "error") return "unknown";
  if (isAltered(row, expected)) return "tampered";
  const transferred = /^\[[\d: -]+\] Successfully transferred /m.test(row.notes);
  switch (row.status) {
    case "active":
    case "planned":
      return transferred || isTouched(row, expected) ? "tampered" : "waiting";
    case "executed":
      if (!transferred || row.executedAt === null) return "unknown";
      return isOneTransfer(row, expected) ? "executed" : "tampered";
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

/**
 * The UpdatedAt to compare later sights with, of an active row that is exactly as we would have left it while our activation's
 * answer was lost. What this costs: whoever wrote to it between the activation and this first sight, and left no trace in
 * its fields, is taken for us.
 */
export function baselineOf(row: SeenRow, expected: Expected): string | undefined {
  return row.status === "active" && readEvidence(row, { ...expected, touchedAt: null }) === "waiting"
    ? row.updatedAt
    : undefined;
}

/** Our references to deliveries that a row's notes mention, however the game has wrapped them. */
export function referencesIn({ notes }: Pick<SeenRow, "notes">): readonly string[] {
  return notes.match(/dlv_[0-9a-z]{20}-\d+/g) ?? [];
}

/** Active and past its time: the game's own runs leave it, but somebody may still run it by hand. */
export function isLapsed({ status, expiresAt }: SeenRow, now: Date): boolean {
  return status === "active" && expiresAt !== null && Date.parse(expiresAt) + transferTakesMs < now.getTime();
}

/** Written to after us: inert again after our activation, or at another time. To the second: Airtable may show no more. */
function isTouched({ status, updatedAt }: SeenRow, { inertAt, touchedAt }: Expected): boolean {
  if (status === "planned" && touchedAt !== null) return true;
  const left = touchedAt ?? (status === "planned" ? inertAt : null);
  return left !== null && secondsOf(updatedAt) !== secondsOf(left);
}

/** The game writes a row once, when it has paid: after our activation, and soon after it began. */
function isOneTransfer({ updatedAt, executedAt }: SeenRow, { touchedAt }: Expected): boolean {
  const [written, begun] = [Date.parse(updatedAt), Date.parse(executedAt ?? "")];
  const isSoon = written - begun >= -clocksDifferMs && written - begun <= transferTakesMs;
  return isSoon && (touchedAt === null || begun >= Date.parse(touchedAt) - clocksDifferMs);
}

function secondsOf(time: string): number {
  return Math.floor(Date.parse(time) / SECOND_MS);
}

/** Whether the row still pays what we wrote to whom we wrote, as the game would read it. */
function isAltered(row: SeenRow, expected: Expected): boolean {
  return (
    !isOurs(row, expected) ||
    row.type !== "transfer_ducats" ||
    row.executedBy !== PROCESSOR ||
    row.targetCitizen !== expected.citizen ||
    (!isVoided(row.notes) && amountOf(row.notes) !== wholeDucats(expected.millis))
  );
}

function isOurs(row: SeenRow, { transport, reference }: Expected): boolean {
  return transport === "rows" ? row.stratagemId === reference : referencesIn(row).includes(reference);
}

function refusedWithoutEffect(notes: string): boolean {
  return /^\[ERROR\] (Insufficient funds: |Sender .* not found\.|Receiver .* not found\.|Missing required fields or invalid amount\.)/m.test(
    notes,
  );
}

/** The game appends lines to Notes: only the first JSON value is ours. */
export function amountOf(notes: string): Millis | undefined {
  const value = firstJson(notes);
  return value ? millisOfDecimal(Reflect.get(value, "amount")) : undefined;
}

/** What the game says it has paid by this row, transfer by transfer; in a row that we voided, before that. */
export function paidIn({ notes }: Pick<SeenRow, "notes">): readonly Millis[] {
  const before: unknown = isVoided(notes) ? Reflect.get(firstJson(notes) ?? {}, "before") : undefined;
  const lines = notes.matchAll(/^\[[\d: -]+\] Successfully transferred (\d+(?:\.\d+)?) ducats /gm);
  const paid = [...lines].flatMap(([, ducats]) => millisOfDecimal(Number(ducats)) ?? []);
  return typeof before === "string" ? [...paidIn({ notes: before }), ...paid] : paid;
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
