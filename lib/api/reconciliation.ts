/** `reconciliation`: Stripe, the books and Venice side by side, for admins. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { centsWire, millisWire, textWire, timeWire } from "./wire.ts";

const sinceField = z.iso
  .datetime("must be an ISO 8601 time in UTC")
  .optional()
  .meta({ description: "Compared from then on; seven days when left out, and thirty-one at most." });

const found = { id: z.string() };
const id = z.string();

const findingWire = z.discriminatedUnion("kind", [
  z.strictObject({
    ...{ kind: z.literal("paid-not-credited"), ...found },
    ...{ purchaseId: id, payment: id.nullable(), sessionId: id.nullable(), paidCents: centsWire },
  }),
  z.strictObject({
    ...{ kind: z.literal("credited-not-paid"), ...found },
    ...{ purchaseId: id, payment: id.nullable(), creditedCents: centsWire },
    paymentStatus: z.string().nullable().meta({ description: "Null: Stripe doesn't know the payment." }),
  }),
  z.strictObject({
    ...{ kind: z.literal("credited-not-delivered"), ...found },
    ...{ purchaseId: id.nullable(), deliveryId: id.nullable(), recordId: id.nullable(), millis: millisWire },
    why: z.enum(["not_sent", "not_told", "not_paid"]).meta({
      description:
        "not_sent: there is no delivery; not_told: one waits for a person whom nobody told; " +
        "not_paid: it counts as arrived, and the purse still has it.",
    }),
  }),
  z.strictObject({
    ...{ kind: z.literal("delivered-twice"), ...found },
    ...{ purchaseId: id.nullable(), deliveryId: id, recordId: id, millis: millisWire },
    isReturned: z.boolean().meta({ description: "The delivery's ducats are back in the wallet as well." }),
  }),
  z.strictObject({
    ...{ kind: z.literal("amount-mismatch"), ...found },
    purchaseId: id.nullable(),
    between: z.discriminatedUnion("what", [
      z.strictObject({
        ...{ what: z.literal("payment"), payment: id, currency: z.string() },
        ...{ bookedCents: centsWire, paidCents: centsWire },
      }),
      z.strictObject({
        ...{ what: z.literal("delivery"), deliveryId: id, recordId: id },
        ...{ bookedMillis: millisWire, paidMillis: millisWire },
      }),
    ]),
  }),
  z.strictObject({
    ...{ kind: z.literal("refunded-not-reversed"), ...found },
    ...{ purchaseId: id, payment: id, objects: z.array(id), cents: centsWire },
  }),
  z.strictObject({
    ...{ kind: z.literal("purse-moved-unexplained"), ...found },
    ...{ explainedMillis: millisWire, purseMillis: millisWire },
    movedMillis: millisWire.meta({
      description: "Thousandths of a ducat out of the purse; below zero, into it.",
    }),
  }),
]);

const whenAway = "Refuses with 503 when Stripe, Venice, Redis or the database is away.";
const problems = [
  "unauthenticated",
  "not_found",
  "invalid_field",
  "payments_unavailable",
  "venice_unavailable",
  "limiter_unavailable",
] as const;

export const reconciliationApi = declare({
  name: "reconciliation",
  summary: "Stripe, the books and Venice side by side (admin)",
  routes: {
    GET: {
      summary: "What differs; nothing is changed (admin)",
      auth: "session",
      query: z.strictObject({ since: sinceField }),
      answers: {
        200: z.strictObject({
          ...{ since: timeWire, until: timeWire },
          findings: z.array(findingWire),
          told: z.array(findingWire).meta({ description: "Left to a person, who was told by an alert." }),
          looked: z.strictObject({
            ...{ payments: z.int(), purchases: z.int(), deliveries: z.int(), rows: z.int() },
            ...{ purseMillis: millisWire.nullable(), explainedMillis: millisWire.nullable() },
          }),
        }),
      },
      problems,
      whenAway,
    },
    POST: {
      summary: "Compares anew and repairs these findings, as far as they are still so (admin)",
      auth: "session",
      body: z.strictObject({
        since: sinceField,
        findings: z
          .array(textWire.min(1, "must not be empty").max(200, "must have at most 200 characters"))
          .min(1, "must name a finding")
          .max(100, "must name at most 100 findings"),
      }),
      answers: {
        200: z.strictObject({
          findings: z.array(
            z.strictObject({
              id,
              outcome: z.enum(["repaired", "told", "unchanged", "failed", "no_time", "gone"]).meta({
                description:
                  "told: a person is needed, and was alerted; unchanged: it was mended meanwhile; failed: the books " +
                  "refused it, an alert says why; no_time: ask again; gone: it is not found any more.",
              }),
            }),
          ),
        }),
      },
      problems,
      whenAway: `${whenAway} What was repaired before stays so.`,
    },
  },
});
