/** What happens when somebody pays on the hosted page: each means of payment has its own way from here. */
import type { Stripe } from "stripe";
import type { Payer } from "../objects/payment-methods.ts";
import type { World } from "../world.ts";
import { payByDebit } from "./bank-debit.ts";
import { payByTransfer } from "./bank-transfer.ts";
import { payByCard } from "./card.ts";
import { payByCrypto } from "./crypto.ts";
import { adoptCustomer, complete } from "./session-intent.ts";
import { storeCard } from "./setup-checkout.ts";
import { subscribe } from "./subscription-checkout.ts";
import { SUCCESS_NUMBER } from "./test-cards.ts";

export type Means =
  | { readonly kind: "card"; readonly number: string }
  | { readonly kind: "bank_debit" | "bank_transfer" | "crypto" };

export type Payment = {
  readonly means: Means;
  readonly email?: string | undefined;
  readonly name?: string | undefined;
};

export type Outcome =
  | { readonly kind: "paid" | "processing"; readonly paymentIntent: Stripe.PaymentIntent | null }
  /** The holder of the card has to prove who they are; a PaymentIntent is there where a payment waits for it. */
  | { readonly kind: "requires_action"; readonly paymentIntent: Stripe.PaymentIntent | null }
  | { readonly kind: "declined"; readonly code: string; readonly message: string }
  | { readonly kind: "closed"; readonly status: string };

export const withSuccess: Means = { kind: "card", number: SUCCESS_NUMBER };

/** Stripe's name of each means. */
const methodOf = {
  card: "card",
  bank_debit: "us_bank_account",
  bank_transfer: "customer_balance",
  crypto: "crypto",
} as const satisfies Record<Means["kind"], string>;

export function paySession(world: World, session: Stripe.Checkout.Session, payment: Payment): Outcome {
  if (session.status !== "open") return { kind: "closed", status: session.status ?? "unknown" };
  const payer: Payer = {
    email: session.customer_details?.email ?? payment.email ?? null,
    name: payment.name ?? session.customer_details?.name ?? null,
  };
  if (session.mode === "subscription") return subscribe(world, session, payment.means, payer);
  if (session.mode === "setup") return storeCard(world, session, payment.means, payer);
  if (session.amount_total === 0) {
    adoptCustomer(world, session, undefined, payer);
    complete(world, session, payer, "no_payment_required");
    return { kind: "paid", paymentIntent: null };
  }
  const { means } = payment;
  if (!session.payment_method_types.includes(methodOf[means.kind])) {
    return {
      kind: "declined",
      code: "payment_method_not_available",
      message: "This means of payment is not offered here.",
    };
  }
  switch (means.kind) {
    case "card":
      return payByCard(world, session, means.number, payer);
    case "bank_debit":
      return payByDebit(world, session, payer);
    case "bank_transfer":
      return payByTransfer(world, session, payer);
    case "crypto":
      return payByCrypto(world, session, payer);
  }
}

/**
 * The same customer pays the same purchase a second time, from another session opened with the same parameters: a
 * second Checkout Session and a second PaymentIntent, both with the first one's metadata.
 */
export function paySessionAgain(world: World, first: Stripe.Checkout.Session, payment: Payment): Outcome {
  const inside = world.insides.get(first.id);
  const id = world.id("cs_test_", 60);
  if (inside) world.insides.set(id, inside);
  const twin = world.sessions.add({
    ...structuredClone(first),
    id,
    created: world.seconds(),
    payment_intent: null,
    payment_status: first.amount_total === 0 ? "no_payment_required" : "unpaid",
    invoice: null,
    subscription: null,
    status: "open",
    url: `${world.url()}/c/pay/${id}`,
  });
  return paySession(world, twin, payment);
}
