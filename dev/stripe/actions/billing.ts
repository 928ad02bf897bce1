/** What happens to subscriptions without the API: time passes, cards change, customers use the hosted pages. */
import type { Stripe } from "stripe";
import type { Clock } from "../../clock.ts";
import type { Attempt } from "../billing/collect.ts";
import { nextMoment } from "../billing/due.ts";
import { boundary, type Every } from "../billing/interval.ts";
import type { BillingSettings } from "../billing/state.ts";
import { payInvoice, proveInvoice } from "../hosted/invoice.ts";
import { warnOfFraud } from "../objects/early-fraud-warnings.ts";
import { keepMethod, createCard } from "../objects/payment-methods.ts";
import { beginAdvance, endAdvance } from "../objects/test-clocks.ts";
import { readCard, SUCCESS_NUMBER } from "../payments/test-cards.ts";
import * as portal from "../portal/act.ts";
import { sweep } from "../sweep.ts";
import { onItsOwn, type World } from "../world.ts";
import { chargeNamed } from "./find.ts";

export type BillingActions = {
  /** Other settings of the account: the retry schedule and what follows it, notices, how long drafts wait. */
  setBilling(settings: Partial<BillingSettings>): BillingSettings;
  /** Moves the stand-in's own clock on and does all that becomes due, each thing at its time. */
  advance(by: { ms: number } | { days: number } | { months: number }): Date;
  /** The next moment at which a subscription has something due. */
  nextDue(): Date | undefined;
  /** Advances a test clock and has done so when it returns; no limit but those of the API. @throws Refusal */
  advanceClock(clockId: string, to: number): Stripe.TestHelpers.TestClock;
  /** Stores a card with a customer as a hosted page would; its holder has proved who they are. */
  storeCard(customerId: string, how?: { card?: string; makeDefault?: boolean }): Stripe.PaymentMethod;
  /** From now on this stored card behaves like that test card: it expires, or its bank thinks otherwise. */
  turnCard(paymentMethodId: string, card: string): void;
  /** Pays on the invoice's page. @throws Error when it is not open. */
  payInvoice(invoiceId: string, how?: { card?: string }): Attempt;
  /** The holder of a card answers their bank about an invoice. @throws Error when nobody asked. */
  authenticateInvoice(invoiceId: string, how: "completes" | "fails"): Attempt;
  /** An issuer thinks that a payment was not its card holder's. */
  warnOfFraud(payment: string, how?: { fraudType?: string }): Stripe.Radar.EarlyFraudWarning;
  /** The account's own portal settings, which the dashboard alone can make. */
  makePortalDefault(configurationId: string): void;
  /** What a customer does in the portal. */
  readonly portal: PortalActions;
};

export type PortalActions = {
  storeCard(sessionId: string, how?: { card?: string; subscription?: string }): portal.CardOutcome;
  authenticate(sessionId: string, setupIntentId: string, how: "completes" | "fails"): portal.CardOutcome;
  changePlan(sessionId: string, subscriptionId: string, priceId: string): void;
  cancel(sessionId: string, subscriptionId: string, why?: portal.Leaving): void;
  keep(sessionId: string, subscriptionId: string): void;
};

const DAY_MS = 24 * 60 * 60 * 1000;
const month: Every = { interval: "month", interval_count: 1 };

export function billingActions(world: World, clock: Clock): BillingActions {
  const advance: BillingActions["advance"] = (by) => {
    clock.advance(msOf(clock.now(), by));
    sweep(world);
    return clock.now();
  };
  return {
    setBilling(settings) {
      world.billing.settings = { ...world.billing.settings, ...settings };
      return world.billing.settings;
    },
    advance,
    nextDue() {
      sweep(world);
      const next = nextMoment(world, null);
      return next === undefined || next === Infinity ? undefined : new Date(next * 1000);
    },
    advanceClock(clockId, to) {
      const found = world.billing.clocks.get(clockId);
      if (!found) throw new Error(`No such test clock: ${clockId}`);
      beginAdvance(world, onItsOwn, found, to);
      endAdvance(world, found);
      return found;
    },
    storeCard(customerId, { card: number = SUCCESS_NUMBER, makeDefault = true } = {}) {
      const customer = world.customers.get(customerId);
      if (!customer) throw new Error(`No such customer: ${customerId}`);
      const card = cardOf(number);
      const method = createCard(world, card, { email: customer.email, name: customer.name ?? null });
      world.billing.cards.set(method.id, { card, proven: true });
      keepMethod(world, onItsOwn, method, customerId);
      if (makeDefault) customer.invoice_settings.default_payment_method = method.id;
      return method;
    },
    turnCard(paymentMethodId, number) {
      const held = world.billing.cards.get(paymentMethodId);
      if (!held) throw new Error(`No such card: ${paymentMethodId}`);
      const turned = { card: cardOf(number), proven: held.proven };
      world.billing.cards.set(paymentMethodId, turned);
    },
    payInvoice(invoiceId, { card = SUCCESS_NUMBER } = {}) {
      const outcome = payInvoice(world, invoiceNamed(world, invoiceId), card);
      if (outcome === "closed" || outcome === "unusable")
        throw new Error(`${invoiceId} cannot be paid: ${outcome}`);
      return outcome;
    },
    authenticateInvoice(invoiceId, how) {
      const outcome = proveInvoice(world, invoiceNamed(world, invoiceId), how === "completes");
      if (outcome === "closed") throw new Error(`No proof is awaited for ${invoiceId}`);
      return outcome;
    },
    warnOfFraud: (payment, { fraudType = "made_with_stolen_card" } = {}) =>
      warnOfFraud(world, chargeNamed(world, payment), fraudType),
    makePortalDefault(configurationId) {
      for (const each of world.billing.portalConfigurations.oldestFirst()) {
        each.is_default = each.id === configurationId;
      }
    },
    portal: portalActions(world),
  };
}

function portalActions(world: World): PortalActions {
  const named = (id: string): Stripe.BillingPortal.Session => {
    sweep(world);
    const session = world.billing.portalSessions.get(id);
    if (!session || portal.isOver(world, session)) throw new Error(`No such portal session: ${id}`);
    return session;
  };
  return {
    storeCard: (id, { card = SUCCESS_NUMBER, subscription } = {}) =>
      portal.storeCard(world, named(id), card, subscription),
    authenticate: (id, intent, how) => portal.proveCard(world, named(id), intent, how === "completes"),
    changePlan(id, subscription, price) {
      portal.changePlan(world, named(id), subscription, price);
    },
    cancel(id, subscription, why) {
      portal.cancel(world, named(id), subscription, why);
    },
    keep(id, subscription) {
      portal.keep(world, named(id), subscription);
    },
  };
}

/** How long that is from now on. */
export function msOf(now: Date, by: { ms: number } | { days: number } | { months: number }): number {
  if ("ms" in by) return by.ms;
  if ("days" in by) return by.days * DAY_MS;
  const seconds = Math.floor(now.getTime() / 1000);
  return (boundary(seconds, month, by.months) - seconds) * 1000;
}

function cardOf(number: string) {
  const card = readCard(number);
  if (!("number" in card)) throw new Error(card.message);
  return card;
}

function invoiceNamed(world: World, id: string): Stripe.Invoice {
  sweep(world);
  const invoice = world.billing.invoices.get(id);
  if (!invoice) throw new Error(`No such invoice: ${id}`);
  return invoice;
}
