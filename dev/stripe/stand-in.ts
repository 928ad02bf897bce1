/** What a stand-in offers beside its API: paying, expiring, webhooks as one likes them, and a check of its own objects. */
import type { Stripe } from "stripe";
import { createEndpoint } from "./objects/webhook-endpoints.ts";
import {
  paySession,
  paySessionAgain,
  settleDebit,
  withSuccess,
  type Means,
  type Outcome,
} from "./payments/checkout.ts";
import { expireSession, sweep } from "./payments/expire.ts";
import { DECLINED_NUMBER } from "./payments/test-cards.ts";
import { problemsOf } from "./shapes/check.ts";
import type { Webhooks } from "./webhooks/deliver.ts";
import { copy, onItsOwn, type World } from "./world.ts";

export type Paying = {
  /** A test card's number; 4242 4242 4242 4242 by default. */
  readonly card?: string;
  /** Pays by bank debit instead: the session completes unpaid until `settleDebit`. */
  readonly bankDebit?: boolean;
  readonly email?: string;
  readonly name?: string;
};

export type Paid = { readonly outcome: Outcome; readonly session: Stripe.Checkout.Session };

export type Actions = {
  /** Pays as on the hosted page. @throws Error when there is no such session. */
  pay(sessionId: string, how?: Paying): Paid;
  /** An attempt with a card that is declined. */
  decline(sessionId: string, how?: { card?: string }): Paid;
  /**
   * The customer pays the same purchase a second time: a second session and a second PaymentIntent with the first
   * one's metadata, and the events of both. `session` is the second session.
   */
  payAgain(sessionId: string, how?: Paying): Paid;
  /** Ends a bank debit that is on its way. @throws Error when none is. */
  settleDebit(sessionId: string, how: "succeeds" | "fails"): Stripe.Checkout.Session;
  /** The session's time is over. @throws Error when it is not open. */
  expire(sessionId: string): Stripe.Checkout.Session;
  /** An endpoint whose secret is known beforehand. @returns its id. */
  listen(endpoint: { url: string; secret: string; events?: string[] }): string;
  /** Every stored object and event against the SDK's types: what does not fit, empty when all fits. */
  check(): string[];
};

export function createActions(world: World, webhooks: Webhooks): Actions & { readonly webhooks: Webhooks } {
  function found(id: string): Stripe.Checkout.Session {
    sweep(world);
    const session = world.sessions.get(id);
    if (!session) throw new Error(`No such Checkout Session: ${id}`);
    return session;
  }

  return {
    webhooks,
    pay(sessionId, how = {}) {
      const session = found(sessionId);
      return {
        outcome: paySession(world, session, { means: meansOf(how), email: emailOf(how), name: how.name }),
        session,
      };
    },
    decline(sessionId, { card = DECLINED_NUMBER } = {}) {
      const session = found(sessionId);
      const means: Means = { kind: "card", number: card };
      return { outcome: paySession(world, session, { means, email: emailOf({}) }), session };
    },
    payAgain(sessionId, how = {}) {
      const first = found(sessionId);
      const payment = { means: meansOf(how), email: emailOf(how), name: how.name };
      const outcome = paySessionAgain(world, first, payment);
      return { outcome, session: world.sessions.newestFirst()[0] ?? first };
    },
    settleDebit(sessionId, how) {
      const session = found(sessionId);
      if (settleDebit(world, session, how === "succeeds")) return session;
      throw new Error(`No bank debit is on its way for ${sessionId}`);
    },
    expire(sessionId) {
      const session = found(sessionId);
      if (session.status !== "open")
        throw new Error(`${sessionId} is ${session.status ?? "unknown"}, not open`);
      expireSession(world, onItsOwn, session);
      return session;
    },
    listen: ({ url, secret, events = ["*"] }) =>
      createEndpoint(world, { url, secret, enabled_events: events, api_version: world.sdk.apiVersion }).id,
    check: () => checkAll(world),
  };
}

function meansOf(how: Paying): Means {
  if (how.bankDebit) return { kind: "bank_debit" };
  return how.card === undefined ? withSuccess : { kind: "card", number: how.card };
}

function emailOf(how: Paying): string {
  return how.email ?? "customer@example.com";
}

function checkAll(world: World): string[] {
  const { shapes } = world.sdk;
  const objects = [
    ...world.balanceTransactions.oldestFirst(),
    ...world.charges.oldestFirst(),
    ...world.customers.oldestFirst(),
    ...world.endpoints.oldestFirst().map(({ endpoint }) => endpoint),
    ...world.paymentIntents.oldestFirst(),
    ...world.paymentMethods.oldestFirst(),
    ...world.prices.oldestFirst(),
    ...world.products.oldestFirst(),
    ...world.refunds.oldestFirst(),
    ...world.sessions.oldestFirst(),
    ...[...world.insides.values()].flatMap(({ lineItems }) => lineItems),
  ];
  const wrong = objects.flatMap((object) => {
    const shape = shapes.answers[object.object];
    if (!shape) return [`${object.object}: no shape`];
    return problemsOf(shapes, shape, copy(object), object.object);
  });
  const wrongEvents = world.events.oldestFirst().flatMap((event) => {
    const shape = shapes.events[event.type];
    return shape ? problemsOf(shapes, shape, copy(event), event.type) : [`${event.type}: no shape`];
  });
  return [...wrong, ...wrongEvents];
}
