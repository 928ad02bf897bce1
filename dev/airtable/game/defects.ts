/** What happens to a row at rest: it runs out, or somebody writes to it, which anyone can. */
import { z } from "zod";
import type { RecordJson } from "../base.ts";
import { PROCESSOR_USERNAME } from "./citizens.ts";
import { pythonFloat } from "./python.ts";
import { veniceTime } from "./venice-time.ts";

export const rowDefects = [
  "expire",
  "forge_executed",
  "forge_failed",
  "alter_amount",
  "alter_target",
  "double",
] as const;
export type RowDefect = (typeof rowDefects)[number];
export const rowDefectSchema = z.strictObject({ kind: z.enum(rowDefects) });

/** What a forger would like the amount and the receiver to be. */
const FORGED_DUCATS = 999_999;
const FORGED_TARGET = "BarnabottoLuca";

const isComputed = (name: string): boolean => name === "CreatedAt" || name === "UpdatedAt";

/** The row's new fields; for `double` those of a second row. Nothing moves in any purse. */
export function fieldsOfDefect(
  kind: RowDefect,
  { fields }: RecordJson,
  instant: Date,
): Record<string, unknown> {
  const notes = String(fields["Notes"] ?? "");
  switch (kind) {
    case "expire":
      return { ExpiresAt: new Date(instant.getTime() - 60_000).toISOString() };
    case "forge_executed": {
      const amount = Number(/"amount": ?([\d.]+)/.exec(notes)?.[1] ?? 0);
      const who = `from ${String(fields["ExecutedBy"])} to ${String(fields["TargetCitizen"])}`;
      const line = `[${veniceTime(instant)}] Successfully transferred ${pythonFloat(amount)} ducats ${who}.`;
      return { Status: "executed", ExecutedAt: instant.toISOString(), Notes: `${notes}\n${line}` };
    }
    case "forge_failed": {
      // Whatever the row says by now: the forger begins again from the game's own JSON.
      const [json = ""] = notes.split("\n");
      const Notes = `${json}\n[ERROR] Sender ${PROCESSOR_USERNAME} not found.`;
      return { Status: "failed", ExecutedAt: null, Notes };
    }
    case "alter_amount":
      return { Notes: notes.replace(/("amount": ?)[\d.]+/, `$1${FORGED_DUCATS}`) };
    case "alter_target":
      return { TargetCitizen: FORGED_TARGET };
    case "double":
      // Airtable takes no computed field, not even a copy's.
      return Object.fromEntries(Object.entries(fields).filter(([name]) => !isComputed(name)));
  }
}
