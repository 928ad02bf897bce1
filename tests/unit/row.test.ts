/** The row that pays a citizen, and the texts in a formula. */
import { expect, test } from "vitest";
import { matches } from "../../dev/airtable/formula/evaluate.ts";
import { parseFormula } from "../../dev/airtable/formula/parse.ts";
import { paidIn } from "../../lib/delivery/evidence.ts";
import { millis } from "../../lib/money.ts";
import { formulaText, paymentFields, veniceTime, voidedNotes } from "../../lib/venice/row.ts";

const delivery = {
  stratagemId: "dlv_1-1",
  citizen: "Bepi_Dall'Oro",
  millis: millis(1_075_000n),
  deliveryId: "dlv_1",
  purchaseId: "pur_1",
  paymentIntent: "pi_1",
  at: "2026-11-20T12:00:00.000Z",
};

test("the row is as the game reads it, inert, with days to live", () => {
  const { Notes, ...fields } = paymentFields(delivery);
  expect(fields).toEqual({
    StratagemId: "dlv_1-1",
    Type: "transfer_ducats",
    Variant: "instant",
    Category: "economic",
    Name: "1,075 ducats for Bepi_Dall'Oro",
    Description: "Delivery of 1,075 ducats for Bepi_Dall'Oro, bought through CASCADE.",
    ExecutedBy: "CASCADE_PAYMENT_PROCESSOR",
    TargetCitizen: "Bepi_Dall'Oro",
    Status: "planned",
    ExpiresAt: "2026-12-20T12:00:00.000Z",
  });
  expect(Notes).not.toContain("\n");
  expect(JSON.parse(Notes)).toEqual({
    source: "cascade_payment_processor",
    payment_type: "stripe_purchase",
    amount: 1_075,
    reason: "CASCADE delivery dlv_1",
    created_at: "2026-11-20T12:00:00.000Z",
    venice_time: "2026-11-20 13:00:00",
    delivery_id: "dlv_1",
    purchase_id: "pur_1",
    payment_intent: "pi_1",
  });
});

test("the same delivery gives the same row, whenever it is asked", () => {
  expect(paymentFields(delivery)).toEqual(paymentFields({ ...delivery }));
});

test.each([
  ["winter", "2026-01-15T12:00:00Z", "2026-01-15 13:00:00"],
  ["summer", "2026-07-15T12:00:00Z", "2026-07-15 14:00:00"],
  ["midnight in winter", "2026-01-14T23:00:00Z", "2026-01-15 00:00:00"],
  ["midnight in summer", "2026-07-14T22:00:00Z", "2026-07-15 00:00:00"],
  ["the new year", "2026-12-31T23:30:05Z", "2027-01-01 00:30:05"],
  ["the last second of winter time", "2026-03-29T00:59:59Z", "2026-03-29 01:59:59"],
  ["the first second of summer time", "2026-03-29T01:00:00Z", "2026-03-29 03:00:00"],
  ["the hour that comes twice, first", "2026-10-25T00:30:00Z", "2026-10-25 02:30:00"],
  ["the hour that comes twice, again", "2026-10-25T01:30:00Z", "2026-10-25 02:30:00"],
  ["single digits", "2026-02-03T04:05:06Z", "2026-02-03 05:05:06"],
])("Venice's clocks: %s", (_, at, expected) => {
  expect(veniceTime(new Date(at))).toBe(expected);
});

test.each([
  ["plain", "RialtoBanker", '"RialtoBanker"'],
  ["a quote", "Bepi_Dall'Oro", `"Bepi_Dall'Oro"`],
  ["double quotes", 'a"b', '"a\\"b"'],
  ["a backslash", "a\\b", '"a\\\\b"'],
  ["a backslash before a quote", 'a\\"b', '"a\\\\\\"b"'],
  ["a backslash at the end", "a\\", '"a\\\\"'],
  ["line ends", "a\r\nb", '"a\\r\\nb"'],
  ["nothing", "", '""'],
])("a formula's text with %s", (_, text, quoted) => {
  expect(formulaText(text)).toBe(quoted);
});

/** Whether a citizen of this name is found by a search for that one. */
function finds(name: string, searched: string): boolean {
  const at = new Date(0);
  const formula = parseFormula(`OR({Username}=${formulaText(searched)})`, new Set(["Username"]));
  return matches(formula, { id: "rec1", createdAt: at, modifiedAt: at, now: at, field: () => name });
}

test.each([
  '"',
  "\\",
  '\\"',
  '"=""),1=1,OR("',
  '") , TRUE() , ("',
  "{Username}",
  "'",
  "\n",
  "\r\n",
  "a\\",
  '\\\\"',
  "\u201c",
])("a search for %j finds who is called so, and nobody else", (name) => {
  expect(finds(name, name)).toBe(true);
  expect(finds("RialtoBanker", name)).toBe(false);
  expect(finds("", name)).toBe(false);
});

test("voided notes pay nothing and keep the old ones as text, whatever their length, and what the game says it paid", () => {
  const paid =
    "[2026-11-20 19:05] Successfully transferred 100.0 ducats from CASCADE_PAYMENT_PROCESSOR to RialtoBanker.";
  expect(JSON.parse(voidedNotes('{"amount":100}\nwords'))).toEqual({
    ...{ amount: 0, voided: true, before: '{"amount":100}\nwords' },
  });
  const filled = `{"amount":100}\n${'"\\'.repeat(49_000)}\n${paid}\n`;
  const notes = voidedNotes(filled);
  expect(notes.length).toBeLessThan(100_000);
  expect(paidIn({ notes })).toEqual([100_000n]);
  expect(voidedNotes(notes).length).toBeLessThan(100_000);
});
