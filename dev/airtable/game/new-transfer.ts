/** The row that the game makes of a transfer on request: what it checks first, and what it writes into Notes. */
import type { Access } from "./access.ts";
import { pythonFloat, pythonIsoformat, pythonJson, toFloat, ValueError } from "./python.ts";
import { byUsername } from "./transfer.ts";

const LIFE_MS = 5 * 60_000;

/** What the game refuses to make a row of; it tells the caller nothing of it. */
class NoPayload extends Error {}

/** @throws NoPayload; TypeError for an amount that Python cannot make a number of; Refusal. */
export async function newTransfer(
  access: Access,
  payer: string,
  details: Readonly<Record<string, unknown>>,
  instant: Date,
): Promise<Readonly<Record<string, string>>> {
  const { targetCitizenUsername: payee, name, description } = details;
  if (typeof payee !== "string" || payee === "" || payee === payer) throw new NoPayload();
  const amount = readAmount(details["amount"]);
  const [receiver] = await access.list("CITIZENS", byUsername(payee), 1);
  const [sender] = await access.list("CITIZENS", byUsername(payer), 1);
  if (receiver === undefined || sender === undefined) throw new NoPayload();
  const purse = toFloat(sender.fields["Ducats"] ?? 0);
  if (purse < amount) throw new NoPayload();

  const reason = details["reason"] ?? "Direct transfer";
  const ducats = `${pythonFloat(amount)} ducats`;
  return {
    StratagemId: `transfer_ducats_${payer}_${payee}_${Math.floor(instant.getTime() / 1_000)}`,
    Type: "transfer_ducats",
    Variant: "instant",
    Category: "economic",
    ExecutedBy: payer,
    TargetCitizen: payee,
    Status: "active",
    Name: words(name || `Transfer ${ducats} to ${payee}`),
    Description: words(description || `${payer} transfers ${ducats} to ${payee}. Reason: ${words(reason)}`),
    Notes:
      `{"initial_notes": ${pythonJson(details["notes"] ?? "")}, "amount": ${pythonFloat(amount)}, ` +
      `"reason": ${pythonJson(reason)}, "sender_balance_before": ${pythonFloat(purse)}, ` +
      `"created_at": ${pythonJson(pythonIsoformat(instant))}}`,
    ExpiresAt: pythonIsoformat(new Date(instant.getTime() + LIFE_MS)),
  };
}

function words(value: unknown): string {
  return typeof value === "string" ? value : pythonJson(value);
}

/** @throws NoPayload, or TypeError from `float()`, which the game does not expect there. */
function readAmount(value: unknown): number {
  if (value === undefined || value === null) throw new NoPayload();
  try {
    const amount = toFloat(value);
    if (amount <= 0) throw new NoPayload();
    return amount;
  } catch (error) {
    if (error instanceof ValueError) throw new NoPayload();
    throw error;
  }
}
