/** Charges: one attempt each at taking the money of a PaymentIntent. */
import type { Stripe } from "stripe";
import { noSuch } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import type { Decline, TestCard } from "../payments/test-cards.ts";
import type { World } from "../world.ts";
import { CARD_CHECKS, CARD_EXPIRY, type Payer } from "./payment-methods.ts";

export type ChargeAttempt = {
  readonly paymentIntent: Stripe.PaymentIntent;
  readonly paymentMethod: Stripe.PaymentMethod;
  readonly payer: Payer;
  readonly card: TestCard | undefined;
  readonly status: "succeeded" | "pending" | "failed";
};

export function createCharge(world: World, attempt: ChargeAttempt): Stripe.Charge {
  const { paymentIntent: intent, paymentMethod, payer, card, status } = attempt;
  const id = world.id(card ? "ch_3" : "py_3", 23);
  if (card) world.cards.set(id, card);
  const decline = card?.decline;
  return world.charges.add({
    id,
    object: "charge",
    amount: intent.amount,
    amount_captured: status === "succeeded" ? intent.amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: { address: null, email: payer.email, name: payer.name, phone: null, tax_id: null },
    calculated_statement_descriptor: card ? "CASCADE STAND-IN" : null,
    captured: status === "succeeded",
    created: world.seconds(),
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    // A charge takes over the metadata its PaymentIntent has at this moment.
    metadata: { ...intent.metadata },
    on_behalf_of: null,
    outcome: outcomeOf(decline, status),
    paid: status !== "failed",
    payment_intent: intent.id,
    payment_method: paymentMethod.id,
    payment_method_details: card
      ? cardDetails(card, intent.amount, world)
      : otherDetails(paymentMethod, world),
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: status === "succeeded" ? receiptAddress(world, id) : null,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: intent.statement_descriptor,
    statement_descriptor_suffix: intent.statement_descriptor_suffix,
    status,
    transfer_data: null,
    transfer_group: null,
  });
}

export function receiptAddress(world: World, chargeId: string): string {
  return `${world.url()}/receipts/${chargeId}`;
}

function outcomeOf(decline: Decline | undefined, status: ChargeAttempt["status"]): Stripe.Charge.Outcome {
  const allowed = status !== "failed";
  return {
    advice_code: decline ? "try_again_later" : null,
    network_advice_code: null,
    network_decline_code: decline ? "05" : null,
    network_status: allowed ? "approved_by_network" : "declined_by_network",
    reason: decline?.reason ?? null,
    risk_level: "normal",
    risk_score: 20,
    seller_message: allowed
      ? "Payment complete."
      : "The bank did not return any further details with this decline.",
    type: allowed ? "authorized" : "issuer_declined",
  };
}

function cardDetails(card: TestCard, amount: number, world: World): Stripe.Charge.PaymentMethodDetails {
  return {
    type: "card",
    card: {
      amount_authorized: card.decline ? null : amount,
      authorization_code: card.decline ? null : world.id("", 6).toUpperCase(),
      brand: card.brand,
      checks: { ...CARD_CHECKS, cvc_check: card.decline?.code === "incorrect_cvc" ? "fail" : "pass" },
      country: "US",
      electronic_commerce_indicator: card.authenticates ? AUTHENTICATED : null,
      exp_month: CARD_EXPIRY.month,
      exp_year: CARD_EXPIRY.year,
      funding: card.funding,
      installments: null,
      last4: card.number.slice(-4),
      mandate: null,
      network: card.brand,
      network_transaction_id: world.id("", 15),
      regulated_status: "unregulated",
      three_d_secure: card.authenticates ? authentication(world) : null,
      transaction_link_id: null,
      wallet: null,
    },
  };
}

/** The networks' sign that the holder has proved who they are. */
const AUTHENTICATED = "05";

function authentication(world: World): Stripe.Charge.PaymentMethodDetails.Card.ThreeDSecure {
  return {
    authentication_flow: "challenge",
    electronic_commerce_indicator: AUTHENTICATED,
    exemption_indicator: null,
    result: "authenticated",
    result_reason: null,
    transaction_id: world.id("", 36),
    version: "2.2.0",
  };
}

function otherDetails(method: Stripe.PaymentMethod, world: World): Stripe.Charge.PaymentMethodDetails {
  if (method.type === "customer_balance") return { type: "customer_balance", customer_balance: {} };
  if (method.type === "crypto") {
    return {
      type: "crypto",
      crypto: {
        buyer_address: `0x${world.id("", 40)}`,
        network: "base",
        token_currency: "usdc",
        transaction_hash: `0x${world.id("", 64)}`,
      },
    };
  }
  return bankDetails(method);
}

function bankDetails(method: Stripe.PaymentMethod): Stripe.Charge.PaymentMethodDetails {
  const account = method.us_bank_account;
  return {
    type: "us_bank_account",
    us_bank_account: {
      account_holder_type: account?.account_holder_type ?? null,
      account_type: account?.account_type ?? null,
      bank_name: account?.bank_name ?? null,
      fingerprint: account?.fingerprint ?? null,
      last4: account?.last4 ?? null,
      payment_reference: null,
      routing_number: account?.routing_number ?? null,
    },
  };
}

export const charges = [
  route<Stripe.ChargeRetrieveParams>({
    verb: "GET",
    path: "/v1/charges/:id",
    method: "ChargeResource.retrieve",
    supports: [],
    answers: "charge",
    run({ world, id }) {
      const charge = world.charges.get(id);
      if (!charge) throw noSuch("charge", id);
      return charge;
    },
  }),
  route<Stripe.ChargeListParams>({
    verb: "GET",
    path: "/v1/charges",
    method: "ChargeResource.list",
    supports: ["created", "customer", "payment_intent", "limit", "starting_after", "ending_before"],
    answers: "charge",
    run({ world, params }) {
      const all = world.charges
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ customer }) => params.customer === undefined || customer === params.customer)
        .filter(
          ({ payment_intent: intent }) =>
            params.payment_intent === undefined || intent === params.payment_intent,
        );
      return page(all, params, "/v1/charges", "charge");
    },
  }),
];
