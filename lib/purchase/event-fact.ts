/** Reads a verified Stripe event into the one fact that the books act on. Pure. */
import type { VerifiedEvent } from "../stripe/port.ts";
import {
  isSubscriptionSession,
  subscriptionFact,
  subscriptionTypes,
  type SubscriptionFact,
} from "../subscription/fact.ts";
import { paymentFact, paymentTypes, type PaymentFact } from "./payment-fact.ts";

/** `none`: a type we don't act on. `other_version`: not our API version, so its shape isn't ours to read. */
export type EventFact = PaymentFact | SubscriptionFact | { readonly effect: "other_version" };

const ofPayments = new Set<string>(paymentTypes);
const ofSubscriptions = new Set<string>(subscriptionTypes);

/** @throws when an event of our version and type doesn't have the shape it must have. */
export function eventFact(event: VerifiedEvent, apiVersion: string): EventFact {
  const { type, object } = event;
  if (!ofPayments.has(type) && !ofSubscriptions.has(type)) return { effect: "none" };
  if (event.apiVersion !== apiVersion) return { effect: "other_version" };
  return ofSubscriptions.has(type) || isSubscriptionSession(object)
    ? subscriptionFact(event)
    : paymentFact(event);
}
