/** Reads a verified Stripe event into what it means for subscriptions. Pure. */
import * as z from "zod";
import type { VerifiedEvent } from "../stripe/port.ts";

/** An event only says that something happened: the subscription is read anew, for the event may be old. */
export type SubscriptionFact =
  | {
      readonly effect: "subscription";
      /** None on a page that was left. */
      readonly subscription: string | null;
      /** The payment page that it came of, and what became of that. */
      readonly sessionId: string | null;
      readonly startState: "completed" | "expired" | null;
    }
  /** A card to try what is open with. */
  | { readonly effect: "new_card"; readonly customer: string; readonly paymentMethod: string }
  | { readonly effect: "customer_deleted"; readonly customer: string }
  | {
      readonly effect: "fraud_warning";
      readonly warning: string;
      readonly kind: string;
      readonly payment: string | null;
    }
  | { readonly effect: "none" };

/** Besides `checkout.session.*`, which payments have, too. At most 20. */
export const subscriptionTypes = [
  "customer.subscription.created",
  "customer.subscription.updated",
  "customer.subscription.deleted",
  "customer.subscription.paused",
  "customer.subscription.resumed",
  "customer.subscription.trial_will_end",
  "invoice.paid",
  "invoice.payment_failed",
  "invoice.payment_action_required",
  "invoice.finalized",
  "invoice.voided",
  "invoice.marked_uncollectible",
  "customer.updated",
  "customer.deleted",
  "payment_method.attached",
  "payment_method.detached",
  "radar.early_fraud_warning.created",
] as const;

const reference = z.union([z.string(), z.object({ id: z.string() }).transform(({ id }) => id)]);

const session = z.object({
  object: z.literal("checkout.session"),
  id: z.string(),
  status: z.string(),
  mode: z.literal("subscription"),
  subscription: reference.nullish(),
});
const subscription = z.object({ object: z.literal("subscription"), id: z.string() });
const invoice = z.object({
  object: z.literal("invoice"),
  parent: z.object({ subscription_details: z.object({ subscription: reference }).nullish() }).nullish(),
});
const customer = z.object({
  object: z.literal("customer"),
  id: z.string(),
  invoice_settings: z.object({ default_payment_method: reference.nullish() }).nullish(),
});
/** Each attempt that fails updates the customer, too, whose default is then the card that was just declined. */
const defaultChanged = z.object({
  data: z.object({
    previous_attributes: z.object({
      invoice_settings: z.object({ default_payment_method: reference.nullable() }),
    }),
  }),
});
const paymentMethod = z.object({
  object: z.literal("payment_method"),
  id: z.string(),
  customer: reference.nullish(),
});
const fraudWarning = z.object({
  object: z.literal("radar.early_fraud_warning"),
  id: z.string(),
  fraud_type: z.string(),
  payment_intent: reference.nullish(),
});

/** A payment page in mode `subscription`. */
export function isSubscriptionSession(object: unknown): boolean {
  return session.safeParse(object).success;
}

/** @throws when an event of our version and type doesn't have the shape it must have. */
export function subscriptionFact({ type, object, payload }: VerifiedEvent): SubscriptionFact {
  if (type.startsWith("checkout.session.")) {
    const { id, status, subscription: made } = session.parse(object);
    const startState = status === "open" ? null : status === "expired" ? "expired" : "completed";
    return { effect: "subscription", subscription: made ?? null, sessionId: id, startState };
  }
  if (type.startsWith("customer.subscription.")) return about(subscription.parse(object).id);
  if (type.startsWith("invoice.")) {
    const details = invoice.parse(object).parent?.subscription_details;
    return details ? about(details.subscription) : { effect: "none" };
  }
  if (type === "customer.deleted") return { effect: "customer_deleted", customer: customer.parse(object).id };
  if (type === "customer.updated") {
    const { id, invoice_settings: settings } = customer.parse(object);
    return defaultChanged.safeParse(payload).success
      ? newCard(id, settings?.default_payment_method)
      : { effect: "none" };
  }
  if (type === "payment_method.attached") {
    const { id, customer: owner } = paymentMethod.parse(object);
    return newCard(owner, id);
  }
  if (type === "radar.early_fraud_warning.created") {
    const { id, fraud_type: kind, payment_intent: payment } = fraudWarning.parse(object);
    return { effect: "fraud_warning", warning: id, kind, payment: payment ?? null };
  }
  return { effect: "none" };
}

function about(id: string): SubscriptionFact {
  return { effect: "subscription", subscription: id, sessionId: null, startState: null };
}

function newCard(owner: string | null | undefined, method: string | null | undefined): SubscriptionFact {
  return owner && method
    ? { effect: "new_card", customer: owner, paymentMethod: method }
    : { effect: "none" };
}
