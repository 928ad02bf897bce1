/** Payment methods: what customers pay with on the hosted page. */
import type { Stripe } from "stripe";
import { noSuch } from "../protocol/errors.ts";
import { page } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import type { TestCard } from "../payments/test-cards.ts";
import type { World } from "../world.ts";
import { customerNamed } from "./customers.ts";

export type Payer = { readonly email: string | null; readonly name: string | null };

export const CARD_EXPIRY = { month: 12, year: 2034 } as const;
export const CARD_CHECKS = {
  address_line1_check: null,
  address_postal_code_check: null,
  cvc_check: "pass",
} as const;

export function createCard(world: World, card: TestCard, payer: Payer): Stripe.PaymentMethod {
  return world.paymentMethods.add({
    ...common(world, payer),
    type: "card",
    card: {
      brand: card.brand,
      checks: { ...CARD_CHECKS },
      country: "US",
      display_brand: card.brand,
      exp_month: CARD_EXPIRY.month,
      exp_year: CARD_EXPIRY.year,
      fingerprint: fingerprintOf(card.number),
      funding: card.funding,
      generated_from: null,
      last4: card.number.slice(-4),
      networks: { available: [card.brand], preferred: null },
      regulated_status: "unregulated",
      three_d_secure_usage: { supported: true },
      wallet: null,
    },
  });
}

export function createBankAccount(world: World, payer: Payer): Stripe.PaymentMethod {
  return world.paymentMethods.add({
    ...common(world, payer),
    type: "us_bank_account",
    us_bank_account: {
      account_holder_type: "individual",
      account_type: "checking",
      bank_name: "STRIPE TEST BANK",
      financial_connections_account: null,
      fingerprint: fingerprintOf("000123456789"),
      last4: "6789",
      networks: { preferred: "ach", supported: ["ach"] },
      routing_number: "110000000",
      status_details: null,
    },
  });
}

export function createCrypto(world: World, payer: Payer): Stripe.PaymentMethod {
  return world.paymentMethods.add({ ...common(world, payer), type: "crypto", crypto: {} });
}

/** What a transfer to the customer's virtual account is drawn from. */
export function createCustomerBalance(world: World, payer: Payer): Stripe.PaymentMethod {
  return world.paymentMethods.add({
    ...common(world, payer),
    type: "customer_balance",
    customer_balance: {},
  });
}

/** The same number has the same fingerprint, as at Stripe. */
function fingerprintOf(number: string): string {
  return `fp${number.split("").reverse().join("").slice(0, 14)}`;
}

function common(world: World, payer: Payer) {
  return {
    id: world.id("pm_1", 23),
    object: "payment_method" as const,
    allow_redisplay: "limited" as const,
    billing_details: { address: null, email: payer.email, name: payer.name, phone: null, tax_id: null },
    created: world.seconds(),
    customer: null,
    customer_account: null,
    livemode: false,
    metadata: {},
  };
}

export const paymentMethods = [
  route<Stripe.PaymentMethodRetrieveParams>({
    verb: "GET",
    path: "/v1/payment_methods/:id",
    method: "PaymentMethodResource.retrieve",
    supports: [],
    answers: "payment_method",
    run({ world, id }) {
      const method = world.paymentMethods.get(id);
      if (!method) throw noSuch("PaymentMethod", id);
      return method;
    },
  }),
  route<Stripe.PaymentMethodListParams>({
    verb: "GET",
    path: "/v1/payment_methods",
    method: "PaymentMethodResource.list",
    supports: ["customer", "type", "limit", "starting_after", "ending_before"],
    answers: "payment_method",
    run({ world, params }) {
      if (params.customer !== undefined) customerNamed(world, params.customer, "customer");
      const all = world.paymentMethods
        .newestFirst()
        .filter(({ customer }) => (params.customer === undefined ? true : customer === params.customer))
        .filter(({ type }) => params.type === undefined || type === params.type);
      return page(all, params, "/v1/payment_methods", "PaymentMethod");
    },
  }),
];
