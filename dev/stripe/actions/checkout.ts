/** What a customer does on the hosted page, and what their bank does afterwards. */
import type { Stripe } from "stripe";
import { authenticate } from "../payments/authenticate.ts";
import { settleDebit } from "../payments/bank-debit.ts";
import { settleTransfer } from "../payments/bank-transfer.ts";
import { paySession, paySessionAgain, withSuccess, type Means, type Outcome } from "../payments/checkout.ts";
import { expireSession } from "../payments/expire.ts";
import { DECLINED_NUMBER } from "../payments/test-cards.ts";
import { onItsOwn, type World } from "../world.ts";
import { sessionNamed } from "./find.ts";

export type Paying = {
  /** A test card's number; 4242 4242 4242 4242 by default. */
  readonly card?: string;
  /** Pays by bank debit instead: the session completes unpaid until `settleDebit`. */
  readonly bankDebit?: boolean;
  /** Pays by bank transfer instead: the session completes unpaid until `settleTransfer`. */
  readonly bankTransfer?: boolean;
  /** Pays in a stablecoin instead. */
  readonly crypto?: boolean;
  readonly email?: string;
  readonly name?: string;
};

export type Paid = { readonly outcome: Outcome; readonly session: Stripe.Checkout.Session };

export type CheckoutActions = {
  /** Pays as on the hosted page. @throws Error when there is no such session. */
  pay(sessionId: string, how?: Paying): Paid;
  /** An attempt with a card that is declined. */
  decline(sessionId: string, how?: { card?: string }): Paid;
  /** The holder of a card answers their bank (3-D Secure). @throws Error when no answer is awaited. */
  authenticate(sessionId: string, how: "completes" | "fails"): Paid;
  /**
   * The customer pays the same purchase a second time: a second session and a second PaymentIntent with the first
   * one's metadata, and the events of both. `session` is the second session.
   */
  payAgain(sessionId: string, how?: Paying): Paid;
  /** Ends a bank debit that is on its way. @throws Error when none is. */
  settleDebit(sessionId: string, how: "succeeds" | "fails"): Stripe.Checkout.Session;
  /** Ends the wait for a bank transfer. @throws Error when none is awaited. */
  settleTransfer(sessionId: string, how: "arrives" | "never_arrives"): Stripe.Checkout.Session;
  /** The session's time is over. @throws Error when it is not open. */
  expire(sessionId: string): Stripe.Checkout.Session;
};

export function checkoutActions(world: World): CheckoutActions {
  return {
    pay(sessionId, how = {}) {
      const session = sessionNamed(world, sessionId);
      return {
        outcome: paySession(world, session, { means: meansOf(how), email: emailOf(how), name: how.name }),
        session,
      };
    },
    decline(sessionId, { card = DECLINED_NUMBER } = {}) {
      const session = sessionNamed(world, sessionId);
      const means: Means = { kind: "card", number: card };
      return { outcome: paySession(world, session, { means, email: emailOf({}) }), session };
    },
    authenticate(sessionId, how) {
      const session = sessionNamed(world, sessionId);
      const outcome = authenticate(world, session, how === "completes");
      if (!outcome) throw new Error(`No proof is awaited for ${sessionId}`);
      return { outcome, session };
    },
    payAgain(sessionId, how = {}) {
      const first = sessionNamed(world, sessionId);
      const payment = { means: meansOf(how), email: emailOf(how), name: how.name };
      const outcome = paySessionAgain(world, first, payment);
      return { outcome, session: world.sessions.newestFirst()[0] ?? first };
    },
    settleDebit(sessionId, how) {
      const session = sessionNamed(world, sessionId);
      if (settleDebit(world, session, how === "succeeds")) return session;
      throw new Error(`No bank debit is on its way for ${sessionId}`);
    },
    settleTransfer(sessionId, how) {
      const session = sessionNamed(world, sessionId);
      if (settleTransfer(world, session, how === "arrives")) return session;
      throw new Error(`No bank transfer is awaited for ${sessionId}`);
    },
    expire(sessionId) {
      const session = sessionNamed(world, sessionId);
      if (session.status !== "open")
        throw new Error(`${sessionId} is ${session.status ?? "unknown"}, not open`);
      expireSession(world, onItsOwn, session);
      return session;
    },
  };
}

function meansOf(how: Paying): Means {
  if (how.bankDebit) return { kind: "bank_debit" };
  if (how.bankTransfer) return { kind: "bank_transfer" };
  if (how.crypto) return { kind: "crypto" };
  return how.card === undefined ? withSuccess : { kind: "card", number: how.card };
}

function emailOf(how: Paying): string {
  return how.email ?? "customer@example.com";
}
