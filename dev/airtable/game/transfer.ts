/** The game's `transfer_ducats` processor: it knows neither status nor expiry, and nothing of having run before. */
import type { RecordJson } from "../base.ts";
import type { Access } from "./access.ts";
import type { GameFaults } from "./faults.ts";
import { GameFaultStruck } from "./faults.ts";
import { jsonLoads, pythonFloat, toFloat, typeName, ValueError } from "./python.ts";
import { veniceTime } from "./venice-time.ts";

/** The game escapes apostrophes only: a backslash in a username changes its formula, as it does in the game. */
export function byUsername(username: string): string {
  return `{Username}='${username.replaceAll("'", "\\'")}'`;
}

function text(record: RecordJson, field: string): string | undefined {
  const value = record.fields[field];
  return typeof value === "string" ? value : undefined;
}

function readAmount(notes: string | undefined): number {
  const details = jsonLoads(notes ?? "{}");
  if (typeof details !== "object" || details === null || Array.isArray(details)) {
    throw new TypeError(`'${typeName(details)}' object has no attribute 'get'`);
  }
  return toFloat("amount" in details ? details.amount : 0);
}

function takenOf(stratagem: RecordJson) {
  return {
    stratagemId: text(stratagem, "StratagemId") ?? stratagem.id,
    notes: text(stratagem, "Notes") ?? "",
  };
}

type Transfer = (
  access: Access,
  faults: GameFaults,
  stratagem: RecordJson,
  now: () => Date,
) => Promise<boolean>;

/**
 * Carries one stratagem out, from the row as it was listed.
 * @returns whether it succeeded, the row's status being written.
 * @throws what the processor does not catch, and GameFaultStruck where the process dies or gives up.
 */
export const transferDucats: Transfer = async (access, faults, stratagem, now) => {
  if (faults.isTakenTwice(takenOf(stratagem))) await transferOnce(access, faults, stratagem, now);
  return transferOnce(access, faults, stratagem, now);
};

const transferOnce: Transfer = async (access, faults, stratagem, now) => {
  const notes = text(stratagem, "Notes") ?? "";
  const payer = text(stratagem, "ExecutedBy");
  const payee = text(stratagem, "TargetCitizen");
  const taken = takenOf(stratagem);

  async function fail(reason: string): Promise<false> {
    await access.update("STRATAGEMS", stratagem.id, {
      Status: "failed",
      Notes: `${notes}\n[ERROR] ${reason}`,
    });
    return false;
  }

  let amount: number;
  try {
    amount = readAmount(text(stratagem, "Notes"));
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    return fail(`Failed to parse transfer details: ${error.message}`);
  }
  if (payer === undefined || payee === undefined || amount <= 0) {
    return fail("Missing required fields or invalid amount.");
  }
  const startedAt = now();

  try {
    const [sender] = await access.list("CITIZENS", byUsername(payer), 1);
    if (sender === undefined) return await fail(`Sender ${payer} not found.`);
    const [receiver] = await access.list("CITIZENS", byUsername(payee), 1);
    if (receiver === undefined) return await fail(`Receiver ${payee} not found.`);

    const payerDucats = toFloat(sender.fields["Ducats"] ?? 0);
    const payeeDucats = toFloat(receiver.fields["Ducats"] ?? 0);
    if (payerDucats < amount) {
      return await fail(`Insufficient funds: ${pythonFloat(payerDucats)} < ${pythonFloat(amount)}`);
    }
    faults.strike(taken, "before_debit");
    // Absolute values from what was read before: whoever writes a purse in between is overwritten.
    await access.update("CITIZENS", sender.id, { Ducats: payerDucats - amount });
    faults.strike(taken, "after_debit");
    await access.update("CITIZENS", receiver.id, { Ducats: payeeDucats + amount });
    faults.strike(taken, "after_credit");

    const line = `[${veniceTime(startedAt)}] Successfully transferred ${pythonFloat(amount)} ducats from ${payer} to ${payee}.`;
    await access.update("STRATAGEMS", stratagem.id, {
      Status: "executed",
      ExecutedAt: startedAt.toISOString(),
      Notes: `${notes}\n${line}`,
    });
    return true;
  } catch (error) {
    if (error instanceof GameFaultStruck && error.kind !== "processing_error") throw error;
    return fail(`Processing error: ${error instanceof Error ? error.message : String(error)}`);
  }
};
