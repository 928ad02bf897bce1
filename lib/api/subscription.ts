/** `subscription`: an account's tier over time. */
import * as z from "zod";
import { intervals, tierIds } from "../catalog/tiers.ts";
import { declare } from "../http/declare.ts";
import { cents } from "../money.ts";
import { states } from "../subscription/rules.ts";
import { centsWire, millisWire, timeWire } from "./wire.ts";

const tier = z.enum(tierIds);
const period = z.enum(intervals);
const soldTier = z.enum(["builder", "architect", "revolutionary", "enterprise"]);
const plan = { tier: soldTier, period };

const shown = z.strictObject({
  tier,
  state: z.enum(states).meta({
    description:
      "ending: cancelled, and served to its end; grace: a renewal wasn't paid, and the tier stays until then; lapsed: it wasn't, and " +
      "the tier is Explorer's until it is; paused: no invoices; incomplete: the first payment isn't made; ended; none.",
  }),
  until: timeWire.nullable().meta({ description: "When that changes, or is renewed, by itself." }),
  month: z
    .strictObject({ start: timeWire, end: timeWire })
    .meta({ description: "The month of the tier that this moment is in." }),
  requestsPerMinute: z.int(),
  apiKeys: z.int(),
  millisPerUnit: millisWire.meta({
    description: "What a unit of usage costs, in thousandths of a ducat.",
  }),
  grantMillisPerMonth: millisWire.meta({
    description: "Ducats that each paid month grants, in thousandths.",
  }),
  trialDays: z.int().meta({ description: "Days of trial that a start would give now: once for an account." }),
  subscription: z
    .strictObject({
      status: z.string().meta({ description: "Stripe's." }),
      tier: tier.nullable().meta({ description: "null: a price that is none of ours." }),
      period: period.nullable(),
      periodStart: timeWire,
      periodEnd: timeWire,
      trialEnd: timeWire.nullable(),
      cancelAt: timeWire.nullable(),
      endedAt: timeWire.nullable(),
      paused: z.boolean(),
      next: z
        .strictObject({ tier: tier.nullable(), period: period.nullable(), at: timeWire })
        .nullable()
        .meta({ description: "What it is going to be changed to." }),
      openInvoice: z
        .strictObject({
          id: z.string(),
          dueCents: centsWire,
          needsAction: z.boolean().meta({ description: "The bank wants to hear from you." }),
          pageUrl: z
            .string()
            .nullable()
            .meta({ description: "Where it is paid; null while Stripe is away." }),
        })
        .nullable(),
    })
    .nullable(),
  nextInvoice: z.strictObject({ dueCents: centsWire, at: timeWire }).nullable().meta({
    description: "null as well while an invoice is open, while Stripe is away, and when asked too often.",
  }),
});

const previewed = z.strictObject({
  kind: z.enum(["now", "later"]).meta({ description: "later: when what is paid for is over." }),
  dueNowCents: centsWire.meta({ description: "Charged with the change." }),
  prorationAt: z
    .int()
    .meta({ description: "Seconds since 1970: reckoned as of then. Send it with the change." }),
  nextCents: centsWire.meta({
    description: "What each renewal costs then, discounts and credits not reckoned in.",
  }),
  at: timeWire.meta({ description: "When the change happens." }),
});

const opened = z.strictObject({
  url: z.string(),
  expiresAt: timeWire,
  trialDays: z.int().meta({ description: "Days that cost nothing; a card is asked for in any case." }),
});

export const subscriptionApi = declare({
  name: "subscription",
  summary: "Your tier",
  routes: {
    GET: {
      summary: "Your tier, what it allows, and what comes next",
      auth: "session",
      answers: { 200: shown },
      problems: ["unauthenticated"],
      whenAway:
        "Refuses with 503 when the database is away. With Redis or Stripe away, or asked too often, the next invoice and the open one's page " +
        "are null.",
    },
    POST: {
      summary:
        "start opens a payment page; preview says what another tier or period comes to; change, cancel (with its period; what has lapsed unpaid at once), keep (undoes a cancellation and " +
        "a scheduled change), pause and unpause need an Idempotency-Key, the same for each retry",
      auth: "session",
      form: true,
      body: z.discriminatedUnion("action", [
        z.strictObject({ action: z.literal("start"), ...plan }),
        z.strictObject({ action: z.literal("preview"), ...plan }),
        z.strictObject({
          action: z.literal("change"),
          ...plan,
          prorationAt: z.int("must be whole seconds since 1970").min(0).max(4_102_444_800),
          dueNowCents: z
            .int("must be a whole number of cents")
            .min(0, "must be at least 0")
            .max(1_000_000_000, "must be at most 1000000000")
            .transform((value) => cents(BigInt(value))),
        }),
        z.strictObject({ action: z.enum(["cancel", "keep", "pause", "unpause"]) }),
      ]),
      answers: {
        200: z.union([previewed, shown]).meta({ description: "A preview, or what GET answers by now." }),
        201: opened.meta({ description: "The payment page of a start." }),
        303: null,
      },
      problems: [
        "unauthenticated",
        "idempotency_key_required",
        "idempotency_key_reused",
        "already_subscribed",
        "subscription_processing",
        "start_superseded",
        "no_subscription",
        "same_plan",
        "preview_expired",
        "amount_changed",
        "change_not_possible",
        "change_refused",
        "change_under_way",
        "change_unclear",
        "card_declined",
        "rate_limited",
        "limiter_unavailable",
        "payments_unavailable",
      ],
      whenAway:
        "Refuses with 503 when Redis, Stripe or the database is away. Where a change's answer was lost (change_unclear), the same key tells what " +
        "came of it.",
    },
  },
});
