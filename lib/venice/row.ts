/** The stratagem row that pays a citizen, field by field as the game reads it. */
import { MILLIS_PER_DUCAT, printDucats } from "../money.ts";
import { DAY_MS, later } from "../clock.ts";
import { PROCESSOR } from "../processor.ts";
import type { PaymentRow } from "./port.ts";

/** The game runs three times a day; far enough that only a long outage outlives a row. */
const lifeMs = 30 * DAY_MS;

/** Fields of a new row, inert until its Status becomes `active`. */
export function paymentFields(row: PaymentRow) {
  const at = new Date(row.at);
  const title = `${printDucats(row.millis)} ducats for ${row.citizen}`;
  return {
    StratagemId: row.stratagemId,
    Type: "transfer_ducats",
    Variant: "instant",
    Category: "economic",
    Name: title,
    Description: `Delivery of ${title}, bought through CASCADE.`,
    ExecutedBy: PROCESSOR,
    TargetCitizen: row.citizen,
    Status: "planned",
    ExpiresAt: later(at, lifeMs).toISOString(),
    Notes: JSON.stringify({
      source: "cascade_payment_processor",
      payment_type: "stripe_purchase",
      amount: Number(row.millis / MILLIS_PER_DUCAT),
      reason: `CASCADE delivery ${row.deliveryId}`,
      created_at: row.at,
      venice_time: veniceTime(at),
      delivery_id: row.deliveryId,
      purchase_id: row.purchaseId,
      payment_intent: row.paymentIntent,
    }),
  };
}

/** An Airtable text ends at 100,000 characters, and anybody may have filled one; quoted it is up to twice as long. */
const longestNotes = 40_000;

/** Notes that pay nothing, the old ones kept as text: of very long ones what the game says that it paid, and the beginning. */
export function voidedNotes(notes: string): string {
  return JSON.stringify({ amount: 0, voided: true, before: shortened(notes) });
}

function shortened(notes: string): string {
  if (notes.length <= longestNotes) return notes;
  const lines = notes.split("\n");
  const isPayment = (line: string) => /^\[[\d: -]+\] Successfully transferred /.test(line);
  const payments = lines.filter(isPayment);
  const others = lines.filter((line) => !isPayment(line));
  return [...payments, ...others].join("\n").slice(0, longestNotes);
}

/** `YYYY-MM-DD HH:MM:SS` on Venice's clocks. */
export function veniceTime(at: Date): string {
  return at.toLocaleString("sv-SE", { timeZone: "Europe/Rome" });
}

/** Quotes text for a formula: backslash first, then quotes. */
export function formulaText(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").replaceAll("\r", "\\r")}"`;
}
