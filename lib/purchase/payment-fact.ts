/** Reads a verified Stripe event into the one fact that the books act on. Pure. */
import * as z from "zod";
import type { VerifiedEvent } from "../stripe/port.ts";

/**
 * `none`: nothing that we act on.
 * `purchaseId` comes from metadata: it helps to find the purchase, whose own row judges the payment.
 */
export type PaymentFact =
  | { readonly effect: "none" }
  /** Money may have gone back, or may go: the payment is read anew, for the event may be old. */
  | { readonly effect: "reread"; readonly payment: string }
  | (PaymentRefs & {
      readonly effect: "paid";
      readonly amountCents: number;
      readonly currency: string;
      readonly customer: string | null;
    })
  | (PaymentRefs & { readonly effect: "processing" | "expired" })
  | (PaymentRefs & { readonly effect: "failed" | "declined"; readonly reason: string | null });

type PaymentRefs = {
  readonly purchaseId: string | null;
  readonly sessionId: string | null;
  readonly paymentIntent: string | null;
};

/** A reference that Stripe gives as an id, or as the object when it was expanded. */
const reference = z
  .union([z.string(), z.object({ id: z.string() }).transform(({ id }) => id)])
  .nullish()
  .transform((value) => value ?? null);
const metadata = z
  .object({ purchase: z.string().optional() })
  .nullish()
  .transform((value) => value?.purchase ?? null);

const checkoutSession = z.object({
  object: z.literal("checkout.session"),
  id: z.string(),
  mode: z.string(),
  metadata,
  payment_intent: reference,
  payment_status: z.enum(["paid", "unpaid", "no_payment_required"]),
  amount_total: z.int().nullable(),
  currency: z.string().nullable(),
  customer: reference,
});

const paymentIntent = z.object({
  object: z.literal("payment_intent"),
  id: z.string(),
  status: z.string(),
  metadata,
  amount_received: z.int(),
  currency: z.string(),
  customer: reference,
  last_payment_error: z
    .object({ message: z.string().optional() })
    .nullish()
    .transform((value) => value?.message ?? null),
});

/** A refund, a charge or a dispute. */
const ofPayment = z.object({ object: z.enum(["refund", "charge", "dispute"]), payment_intent: reference });

/** The events that become facts: what the webhook asks Stripe for, and what is looked up in Stripe's list. At most 20. */
export const paymentTypes = [
  "checkout.session.completed",
  "checkout.session.async_payment_succeeded",
  "checkout.session.async_payment_failed",
  "checkout.session.expired",
  "payment_intent.succeeded",
  "payment_intent.payment_failed",
  "refund.created",
  "refund.updated",
  "refund.failed",
  "charge.refunded",
  "charge.refund.updated",
  "charge.dispute.created",
  "charge.dispute.updated",
  "charge.dispute.funds_withdrawn",
  "charge.dispute.funds_reinstated",
  "charge.dispute.closed",
] as const;

const rereadTypes = /^(refund\.|charge\.refunded$|charge\.refund\.|charge\.dispute\.)/;

/** @throws when an event doesn't have the shape that its type has in our version. */
export function paymentFact(event: VerifiedEvent): PaymentFact {
  const sessionEvent = event.type.startsWith("checkout.session.");
  const intentEvent =
    event.type === "payment_intent.succeeded" || event.type === "payment_intent.payment_failed";
  const isReread = rereadTypes.test(event.type);
  if (!sessionEvent && !intentEvent && !isReread) return { effect: "none" };
  if (isReread) {
    const { payment_intent: payment } = ofPayment.parse(event.object);
    return payment === null ? { effect: "none" } : { effect: "reread", payment };
  }
  return sessionEvent
    ? sessionFact(event.type, checkoutSession.parse(event.object))
    : intentFact(paymentIntent.parse(event.object));
}

function sessionFact(type: string, session: z.output<typeof checkoutSession>): PaymentFact {
  if (session.mode !== "payment") return { effect: "none" };
  const refs = {
    purchaseId: session.metadata,
    sessionId: session.id,
    paymentIntent: session.payment_intent,
  };
  switch (type) {
    case "checkout.session.completed":
    case "checkout.session.async_payment_succeeded":
      if (session.payment_status === "unpaid") return { effect: "processing", ...refs };
      return {
        effect: "paid",
        ...refs,
        amountCents: session.amount_total ?? 0,
        currency: session.currency ?? "",
        customer: session.customer,
      };
    case "checkout.session.async_payment_failed":
      return { effect: "failed", ...refs, reason: "Your bank did not make the payment." };
    case "checkout.session.expired":
      return { effect: "expired", ...refs };
    default:
      return { effect: "none" };
  }
}

function intentFact(intent: z.output<typeof paymentIntent>): PaymentFact {
  const refs = { purchaseId: intent.metadata, sessionId: null, paymentIntent: intent.id };
  if (intent.status === "succeeded")
    return {
      effect: "paid",
      ...refs,
      amountCents: intent.amount_received,
      currency: intent.currency,
      customer: intent.customer,
    };
  return { effect: "declined", ...refs, reason: intent.last_payment_error };
}
