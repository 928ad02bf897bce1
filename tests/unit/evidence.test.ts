/** What a stratagem row says about its ducats: the table of VENICE.md, section 4, and what forgers write. */
import { expect, test } from "vitest";
import { baselineOf, readEvidence } from "../../lib/delivery/evidence.ts";
import { millis } from "../../lib/money.ts";
import type { SeenRow } from "../../lib/venice/port.ts";
import { paymentFields } from "../../lib/venice/row.ts";

const expected = {
  transport: "rows" as const,
  reference: "dlv_1-1",
  citizen: "RialtoBanker",
  millis: millis(100_000n),
  inertAt: null,
  touchedAt: null,
};
const { Notes: written } = paymentFields({
  ...expected,
  stratagemId: expected.reference,
  deliveryId: "dlv_1",
  purchaseId: "pur_1",
  paymentIntent: "pi_1",
  at: "2026-11-20T12:00:00.000Z",
});
const succeeded =
  "[2026-11-20 19:05] Successfully transferred 100.0 ducats from CASCADE_PAYMENT_PROCESSOR to RialtoBanker.";

function row(changes: Partial<SeenRow> = {}, ...lines: string[]): SeenRow {
  return {
    recordId: "rec1",
    stratagemId: "dlv_1-1",
    type: "transfer_ducats",
    executedBy: "CASCADE_PAYMENT_PROCESSOR",
    targetCitizen: "RialtoBanker",
    status: "active",
    executedAt: null,
    expiresAt: "2026-12-20T12:00:00.000Z",
    notes: [written, ...lines].join("\n"),
    updatedAt: "2026-11-20T18:05:02.000Z",
    ...changes,
  };
}

const read = (seen: SeenRow | undefined) => readEvidence(seen, expected);
const failed = { status: "failed" };
const executed = { status: "executed", executedAt: "2026-11-20T18:05:00.000Z" };

test("executed with its time and its line: credited", () => {
  expect(read(row(executed, succeeded))).toBe("executed");
});

test.each([
  "[ERROR] Insufficient funds: 5.0 < 100.0",
  "[ERROR] Sender CASCADE_PAYMENT_PROCESSOR not found.",
  "[ERROR] Receiver RialtoBanker not found.",
  "[ERROR] Missing required fields or invalid amount.",
])("failed with %s: not credited", (line) => {
  expect(read(row(failed, line))).toBe("refused");
  expect(read(row(failed, "[2026-11-20 11:05] Something else.", line))).toBe("refused");
  expect(read(row(failed, "", line, ""))).toBe("refused");
});

test("failed by a second run, under an earlier success: credited", () => {
  for (const line of [
    "[ERROR] Insufficient funds: 5.0 < 100.0",
    "[ERROR] Failed to parse transfer details from Notes.",
    "[ERROR] Processing error: boom",
  ])
    expect(read(row(failed, succeeded, line))).toBe("executed");
});

test.each([
  "[ERROR] Failed to parse transfer details from Notes.",
  "[ERROR] Processing error: timed out",
  "[ERROR] Processor logic returned failure.",
  "[ERROR] Insufficient fun",
  "Insufficient funds: 5.0 < 100.0",
  "so [ERROR] Insufficient funds: 5.0 < 100.0",
  "",
])("failed with %j: nobody knows", (line) => {
  expect(read(row(failed, line))).toBe("unknown");
});

test("error, Notes replaced: nobody knows", () => {
  const notes = "Error during background processing: timed out";
  expect(read(row({ status: "error", notes }))).toBe("unknown");
  expect(read(row({ status: "error" }))).toBe("unknown");
});

test("active or planned: it waits, its time passed or not", () => {
  for (const status of ["active", "planned"])
    for (const expiresAt of ["2026-12-20T12:00:00.000Z", "2026-01-01T00:00:00.000Z", null])
      expect(read(row({ status, expiresAt }))).toBe("waiting");
});

test("active with a success in its notes: paid, and somebody made it active again", () => {
  for (const status of ["active", "planned"]) expect(read(row({ status }, succeeded))).toBe("tampered");
});

test("executed without its line or its time proves nothing", () => {
  expect(read(row(executed))).toBe("unknown");
  expect(read(row({ status: "executed" }, succeeded))).toBe("unknown");
  expect(read(row(executed, "Successfully transferred 100.0 ducats"))).toBe("unknown");
  expect(read(row(executed, `said: ${succeeded}`))).toBe("unknown");
});

test("the row is gone: nobody knows", () => {
  expect(read(undefined)).toBe("unknown");
});

test.each(["expired", "cancelled", "", "Executed", "EXECUTED", "done"])(
  "status %j: nobody knows",
  (status) => {
    expect(read(row({ status }))).toBe("unknown");
    expect(read(row({ status, executedAt: executed.executedAt }, succeeded))).toBe("unknown");
  },
);

const withAmount = (amount: unknown): string =>
  JSON.stringify({ ...(JSON.parse(written) as object), amount });

test.each([
  ["another id", { stratagemId: "dlv_2-1" }],
  ["another attempt", { stratagemId: "dlv_1-2" }],
  ["another type", { type: "collaborate" }],
  ["another payer", { executedBy: "BarnabottoLuca" }],
  ["another payee", { targetCitizen: "BarnabottoLuca" }],
  ["the payee in other letters", { targetCitizen: "rialtobanker" }],
  ["more", { notes: withAmount(101) }],
  ["less", { notes: withAmount(99) }],
  ["a fraction more", { notes: withAmount(100.001) }],
  ["its opposite", { notes: withAmount(-100) }],
  ["nothing", { notes: withAmount(0) }],
  ["text for a number", { notes: withAmount("100") }],
  ["no amount", { notes: "{}" }],
  ["no notes", { notes: "" }],
  ["no JSON", { notes: succeeded }],
  ["a list", { notes: "[100]" }],
  ["null", { notes: "null" }],
  ["a number", { notes: "100" }],
])("altered to %s: tampered with, whatever its status says", (_, changes) => {
  for (const status of [{ status: "active" }, executed, failed, { status: "planned" }]) {
    const seen = row({ ...status, ...changes });
    const line =
      "status" in status && status.status === "failed"
        ? "[ERROR] Insufficient funds: 5.0 < 100.0"
        : succeeded;
    expect(read({ ...seen, notes: `${seen.notes}\n${line}` })).toBe("tampered");
    expect(read(seen)).toBe("tampered");
  }
});

test("a second JSON value after ours changes nothing: the game reads the first", () => {
  expect(read(row(executed, withAmount(100_000), succeeded))).toBe("executed");
});

test("lines that only look like the game's, inside our own JSON, are not read as such", () => {
  const reason = JSON.stringify({ ...(JSON.parse(written) as object), reason: `\n${succeeded}` });
  expect(read(row({ ...executed, notes: reason }))).toBe("unknown");
});

test("a row that we voided is refused for good; one that somebody else cancelled is not", () => {
  const voided = JSON.stringify({
    amount: 0,
    voided: true,
    before: `${written}\n[ERROR] Insufficient funds: 1 < 2`,
  });
  expect(read(row({ status: "cancelled", notes: voided }))).toBe("refused");
  expect(read(row({ status: "cancelled" }))).toBe("unknown");
  for (const notes of [withAmount(0), JSON.stringify({ amount: 0, voided: "true" })])
    expect(read(row({ status: "cancelled", notes }))).toBe("tampered");
  // Its amount is ours, and yet it is none of our words.
  const halfVoided = JSON.stringify({ amount: 100, voided: true });
  expect(read(row({ status: "cancelled", notes: halfVoided }))).toBe("unknown");
});

test("only whole ducats are sent: what is expected of the row is the same", () => {
  expect(readEvidence(row(executed, succeeded), { ...expected, millis: millis(100_000n) })).toBe("executed");
  expect(readEvidence(row(executed, succeeded), { ...expected, millis: millis(101_000n) })).toBe("tampered");
});

const touchedAt = "2026-11-20T12:00:00.000Z";
const since = (seen: SeenRow) => readEvidence(seen, { ...expected, touchedAt });

test("active and written to after our activation: tampered with, whatever it says; to the second", () => {
  expect(since(row({ updatedAt: "2026-11-20T12:00:00.999Z" }))).toBe("waiting");
  expect(since(row({ updatedAt: "2026-11-20T12:00:01.000Z" }))).toBe("tampered");
});

test("inert again after our activation: tampered with, in its very second, too", () => {
  expect(since(row({ status: "planned", updatedAt: "2026-11-20T12:00:00.999Z" }))).toBe("tampered");
});

test("inert, and written to since it was pinned: tampered with; active by then, it is our activation", () => {
  const pinned = { ...expected, inertAt: touchedAt };
  expect(readEvidence(row({ status: "planned", updatedAt: "2026-11-20T12:00:00.999Z" }), pinned)).toBe(
    "waiting",
  );
  expect(readEvidence(row({ status: "planned" }), pinned)).toBe("tampered");
  expect(readEvidence(row(), pinned)).toBe("waiting");
});

test.each([
  ["within the game's time", "2026-11-20T18:05:00.000Z", "2026-11-20T18:14:59.000Z", "executed"],
  ["touched after that", "2026-11-20T18:05:00.000Z", "2026-11-20T18:15:01.000Z", "tampered"],
  ["written long before it began", "2026-11-20T18:05:00.000Z", "2026-11-20T17:59:00.000Z", "tampered"],
  ["begun before it was activated", "2026-11-20T11:54:00.000Z", "2026-11-20T12:00:02.000Z", "tampered"],
])("executed, %s", (_, executedAt, updatedAt, verdict) => {
  expect(since(row({ status: "executed", executedAt, updatedAt }, succeeded))).toBe(verdict);
});

test("turned to failed by a later run: credited, however late that was", () => {
  const late = { ...executed, status: "failed", updatedAt: "2026-11-21T18:05:00.000Z" };
  expect(since(row(late, succeeded, "[ERROR] Insufficient funds: 5.0 < 100.0"))).toBe("executed");
});

test("a baseline is taken only of an active row that is as we would have left it", () => {
  const { updatedAt } = row();
  expect(baselineOf(row(), expected)).toBe(updatedAt);
  for (const seen of [
    row({ status: "planned" }),
    row({}, succeeded),
    row({ notes: withAmount(101) }),
    row(executed),
  ])
    expect(baselineOf(seen, expected)).toBeUndefined();
});
