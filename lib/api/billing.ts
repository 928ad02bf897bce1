/** `billing-portal`, `invoices`, `payment-methods`: what Stripe keeps of a customer. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { textWire, timeWire } from "./wire.ts";

const away = "Refuses with 503 when Redis, Stripe or the database is away.";
const always = ["unauthenticated", "rate_limited", "limiter_unavailable", "payments_unavailable"] as const;
const id = textWire.min(1, "must not be empty").max(200, "must have at most 200 characters");

export const billingPortalApi = declare({
  name: "billing-portal",
  summary: "Cards and invoices at Stripe",
  routes: {
    POST: {
      summary: "Open Stripe's page for your cards and invoices",
      auth: "session",
      form: true,
      body: z.strictObject({}),
      answers: { 201: z.strictObject({ url: z.string() }), 303: null },
      problems: [...always, "no_customer"],
      whenAway: away,
    },
  },
});

export const invoicesApi = declare({
  name: "invoices",
  summary: "Invoices",
  routes: {
    GET: {
      summary: "Your invoices, the newest first",
      auth: "session",
      query: z.strictObject({
        after: id.optional().meta({ description: "`next` of the page before." }),
      }),
      answers: {
        200: z.strictObject({
          invoices: z.array(
            z.strictObject({
              id: z.string(),
              number: z.string().nullable().meta({ description: "null before it is final." }),
              status: z.string().meta({ description: "Stripe's: draft, open, paid, uncollectible or void." }),
              totalCents: z.int().meta({ description: "US cents; below 0 for a credit." }),
              dueCents: z.int(),
              paidCents: z.int(),
              createdAt: timeWire,
              periodStart: timeWire,
              periodEnd: timeWire,
              pageUrl: z.string().nullable(),
              pdfUrl: z.string().nullable(),
            }),
          ),
          next: z.string().nullable().meta({ description: "null: there are no more." }),
        }),
      },
      problems: [...always, "invalid_field"],
      whenAway: away,
    },
  },
});

const cards = z.strictObject({
  cards: z.array(
    z.strictObject({
      id: z.string(),
      brand: z.string(),
      last4: z.string(),
      expMonth: z.int(),
      expYear: z.int(),
      isDefault: z.boolean().meta({ description: "Your tier is charged to it." }),
    }),
  ),
});

export const paymentMethodsApi = declare({
  name: "payment-methods",
  summary: "Cards",
  routes: {
    GET: {
      summary: "Your cards; new ones are put in on the page that billing-portal opens",
      auth: "session",
      answers: { 200: cards },
      problems: always,
      whenAway: away,
    },
    POST: {
      summary: "Have your tier charged to another card, or remove one",
      auth: "session",
      body: z.strictObject({ action: z.enum(["default", "remove"]), id }),
      answers: { 200: cards },
      problems: [...always, "not_found", "card_needed"],
      whenAway: away,
    },
  },
});
