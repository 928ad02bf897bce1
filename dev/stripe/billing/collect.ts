/** Attempts to pay an open invoice, and what success and failure make of its subscription. */
import type { Stripe } from "stripe";
import type { Payer } from "../objects/payment-methods.ts";
import { bookTaking, take } from "../payments/capture.ts";
import { refuseCharge, refuseProof } from "../payments/refuse.ts";
import type { Decline, TestCard } from "../payments/test-cards.ts";
import { idOf } from "../reference.ts";
import { onItsOwn, type Cause, type World } from "../world.ts";
import { changeCustomer, changeInvoice, changeSubscription } from "./announce.ts";
import { failForGood } from "./dunning.ts";
import { finalize, intentFor, markPaid } from "./finalize.ts";
import type { HeldCard } from "./state.ts";

export type Attempt =
  | { readonly kind: "paid" | "asks" | "no_method" | "proof_failed" }
  | { readonly kind: "declined"; readonly decline: Decline };

export type Attempting = {
  /** Another payment method than the ones that are set. */
  readonly method?: Stripe.PaymentMethod | undefined;
  /** By the retry schedule, which alone counts attempts after the first one. */
  readonly automatic: boolean;
  /** The card's holder is there and has proved who they are. */
  readonly present?: boolean;
};

const DAY_SECONDS = 24 * 60 * 60;

/** By Stripe's order: the invoice's own, the subscription's, the customer's. */
export function methodFor(world: World, invoice: Stripe.Invoice): Stripe.PaymentMethod | undefined {
  const id =
    idOf(invoice.default_payment_method) ||
    idOf(subscriptionOf(world, invoice)?.default_payment_method) ||
    idOf(world.customers.get(idOf(invoice.customer))?.invoice_settings.default_payment_method);
  return world.paymentMethods.get(id);
}

export function subscriptionOf(world: World, invoice: Stripe.Invoice): Stripe.Subscription | undefined {
  return world.billing.subscriptions.get(idOf(invoice.parent?.subscription_details?.subscription));
}

/** What charging this card without its holder comes to. */
export function verdictOf({ card, proven }: HeldCard, present = false): "pays" | "asks" | "declines" {
  if (card.authenticates && !present && (card.always || !proven)) return "asks";
  return card.decline ? "declines" : "pays";
}

/** @returns what came of it; every outcome has been told as events. The invoice is open. */
export function attempt(world: World, cause: Cause, invoice: Stripe.Invoice, how: Attempting): Attempt {
  const method = how.method ?? methodFor(world, invoice);
  const held = method && world.billing.cards.get(method.id);
  const intent = intentFor(world, invoice);
  if (!method || !held || !intent) {
    failed(world, cause, invoice, how.automatic);
    return { kind: "no_method" };
  }
  const outcome = charge(world, invoice, intent, method, held, how);
  if (outcome.kind !== "paid") {
    failed(world, cause, invoice, how.automatic);
    if (outcome.kind === "asks") world.emit(cause, "invoice.payment_action_required", invoice);
  }
  return outcome;
}

function charge(
  world: World,
  invoice: Stripe.Invoice,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  held: HeldCard,
  { automatic, present = false }: Attempting,
): Attempt {
  const payer = payerOf(method, invoice);
  world.challenges.delete(intent.id);
  switch (verdictOf(held, present)) {
    case "asks":
      askForProof(world, invoice, intent, method, held.card);
      return { kind: "asks" };
    case "declines":
      return declineWith(world, intent, method, held.card, payer);
    case "pays":
      succeed(world, invoice, intent, method, held.card, automatic);
      return { kind: "paid" };
  }
}

function declineWith(
  world: World,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  card: TestCard,
  payer: Payer,
): Attempt {
  const { decline } = card;
  if (!decline) throw new Error(`${card.number} is not declined`);
  refuseCharge(world, { intent, method, card, decline, payer });
  return { kind: "declined", decline };
}

function askForProof(
  world: World,
  invoice: Stripe.Invoice,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  card: TestCard,
): void {
  world.challenges.set(intent.id, { card, payer: payerOf(method, invoice) });
  intent.status = "requires_action";
  intent.payment_method = method.id;
  intent.last_payment_error = null;
  intent.next_action = {
    type: "redirect_to_url",
    redirect_to_url: {
      return_url: invoice.hosted_invoice_url ?? null,
      url: `${world.url()}/i/${invoice.id}/authenticate`,
    },
  };
  world.emit(onItsOwn, "payment_intent.requires_action", intent);
}

function payerOf(method: Stripe.PaymentMethod, invoice: Stripe.Invoice): Payer {
  return {
    email: method.billing_details.email ?? invoice.customer_email,
    name: method.billing_details.name ?? invoice.customer_name,
  };
}

function succeed(
  world: World,
  invoice: Stripe.Invoice,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  card: TestCard,
  automatic: boolean,
): void {
  const taken = take(world, { intent, method, payer: payerOf(method, invoice), card });
  settle(world, onItsOwn, invoice, { automatic });
  bookTaking(world, taken);
}

type Issuing = { readonly collects?: boolean; readonly automatic?: boolean; readonly present?: boolean };

/** A draft becomes an invoice and is collected at once. @returns undefined when it asked for nothing or waits. */
export function issue(
  world: World,
  cause: Cause,
  invoice: Stripe.Invoice,
  { collects = true, automatic = false, present = false }: Issuing = {},
): Attempt | undefined {
  finalize(world, cause, invoice);
  if (invoice.status === "paid") {
    revive(world, cause, invoice);
    return undefined;
  }
  if (!collects) return undefined;
  return attempt(world, cause, invoice, { automatic, present });
}

/** The invoice is paid; what stood and fell with it comes alive. */
export function settle(
  world: World,
  cause: Cause,
  invoice: Stripe.Invoice,
  { outOfBand = false, automatic = false }: { outOfBand?: boolean; automatic?: boolean } = {},
): void {
  // Any first attempt counts; after it only those of the retry schedule do.
  if (!outOfBand && (automatic || invoice.attempt_count === 0)) invoice.attempt_count += 1;
  markPaid(world, cause, invoice, outOfBand);
  setDelinquent(world, cause, invoice, false);
  revive(world, cause, invoice);
}

function revive(world: World, cause: Cause, invoice: Stripe.Invoice): void {
  const subscription = subscriptionOf(world, invoice);
  if (!subscription || !isLatest(world, subscription, invoice)) return;
  if (!["incomplete", "past_due", "unpaid"].includes(subscription.status)) return;
  changeSubscription(world, cause, subscription, () => {
    subscription.status = trialsStill(world, subscription) ? "trialing" : "active";
  });
}

function trialsStill(world: World, { trial_end: end }: Stripe.Subscription): boolean {
  return end !== null && end > world.seconds();
}

/** The holder of the card answers their bank about an invoice. @returns undefined when nobody asked. */
export function prove(world: World, invoice: Stripe.Invoice, completes: boolean): Attempt | undefined {
  const intent = intentFor(world, invoice);
  const challenge = intent && world.challenges.get(intent.id);
  const method = intent && world.paymentMethods.get(idOf(intent.payment_method));
  if (!challenge || !method || invoice.status !== "open") return undefined;
  world.challenges.delete(intent.id);
  if (!completes) {
    refuseProof(world, intent, method);
    failed(world, onItsOwn, invoice, false);
    return { kind: "proof_failed" };
  }
  if (challenge.card.decline) {
    const outcome = declineWith(world, intent, method, challenge.card, challenge.payer);
    failed(world, onItsOwn, invoice, false);
    return outcome;
  }
  world.billing.cards.set(method.id, { card: challenge.card, proven: true });
  succeed(world, invoice, intent, method, challenge.card, false);
  return { kind: "paid" };
}

function failed(world: World, cause: Cause, invoice: Stripe.Invoice, automatic: boolean): void {
  const subscription = subscriptionOf(world, invoice);
  const counts = automatic || invoice.attempt_count === 0;
  // The first invoice is not tried again: its subscription expires, or somebody pays.
  const retries = counts && subscription?.status !== "incomplete" && invoice.auto_advance === true;
  const days = world.billing.settings.retryDays[invoice.attempt_count];
  changeInvoice(world, cause, invoice, () => {
    invoice.attempted = true;
    if (!counts) return;
    invoice.attempt_count += 1;
    invoice.next_payment_attempt =
      retries && days !== undefined ? world.seconds() + days * DAY_SECONDS : null;
  });
  world.emit(cause, "invoice.payment_failed", invoice);
  setDelinquent(world, cause, invoice, true);
  if (!subscription || subscription.status === "canceled" || !isLatest(world, subscription, invoice)) return;
  if (subscription.status === "active" || subscription.status === "trialing") {
    changeSubscription(world, cause, subscription, () => {
      subscription.status = "past_due";
    });
  }
  if (retries && days === undefined) failForGood(world, subscription, invoice);
}

/** A customer whose last attempt to pay an invoice failed is delinquent. */
function setDelinquent(world: World, cause: Cause, invoice: Stripe.Invoice, is: boolean): void {
  const customer = world.customers.get(idOf(invoice.customer));
  if (!customer) return;
  changeCustomer(world, cause, customer, () => {
    customer.delinquent = is;
  });
}

/** The subscription's status goes by its latest finalized invoice. */
function isLatest(world: World, subscription: Stripe.Subscription, invoice: Stripe.Invoice): boolean {
  const latest = world.billing.invoices
    .newestFirst()
    .find(
      (each) =>
        each.status !== "draft" && each.status !== "void" && subscriptionOf(world, each) === subscription,
    );
  return latest === invoice;
}
