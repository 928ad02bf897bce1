/** Payment methods: what customers pay with on the hosted page. */
import type { Stripe } from "stripe";
import { changeSubscription } from "../billing/announce.ts";
import { declined } from "../billing/refusals.ts";
import { inTimeOf } from "../billing/time.ts";
import { customerNamed } from "../customers/find.ts";
import { readCard, testMethods, type TestCard } from "../payments/test-cards.ts";
import { invalid, missing, noSuch } from "../protocol/errors.ts";
import { page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { idOf } from "../reference.ts";
import { copy, type Cause, type World } from "../world.ts";

export type Payer = { readonly email: string | null; readonly name: string | null };

export const CARD_EXPIRY = { month: 12, year: 2034 } as const;
export const CARD_CHECKS = {
  address_line1_check: null,
  address_postal_code_check: null,
  cvc_check: "pass",
} as const;

export function createCard(world: World, card: TestCard, payer: Payer): Stripe.PaymentMethod {
  const method = world.paymentMethods.add({
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
  world.billing.cards.set(method.id, { card, proven: false });
  return method;
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

/** A payment method of the customer's own, as a parameter names it. @throws Refusal when it is not. */
export function methodOf(world: World, customerId: string, id: string, param: string): Stripe.PaymentMethod {
  const method = world.paymentMethods.get(id);
  if (method?.customer === customerId) return method;
  throw invalid(
    `The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`,
    { param, code: "resource_missing" },
  );
}

/** Stores it with the customer. */
export function keepMethod(
  world: World,
  cause: Cause,
  method: Stripe.PaymentMethod,
  customerId: string,
): void {
  method.customer = customerId;
  world.emit(cause, "payment_method.attached", method);
}

/** Takes it from its customer, who then pays with it no more. */
export function dropMethod(world: World, cause: Cause, method: Stripe.PaymentMethod): void {
  const before = copy(method);
  const customer = world.customers.get(idOf(method.customer));
  method.customer = null;
  world.emit(cause, "payment_method.detached", method, before);
  if (customer?.invoice_settings.default_payment_method === method.id) {
    const customerBefore = copy(customer);
    customer.invoice_settings.default_payment_method = null;
    world.emit(cause, "customer.updated", customer, customerBefore);
  }
  for (const subscription of world.billing.subscriptions.oldestFirst()) {
    if (subscription.default_payment_method !== method.id) continue;
    changeSubscription(world, cause, subscription, () => {
      subscription.default_payment_method = null;
    });
  }
}

function attach(world: World, cause: Cause, id: string, customerId: string): Stripe.PaymentMethod {
  const customer = customerNamed(world, customerId, "customer");
  const method = ownOrReadyMade(world, id);
  if (method.customer !== null) {
    if (method.customer === customer.id) return method;
    throw invalid("The payment method you provided has already been attached to a customer.");
  }
  const held = world.billing.cards.get(method.id);
  if (held?.card.decline && !held.card.attaches && !held.card.authenticates) {
    world.paymentMethods.remove(method.id);
    throw declined(held.card.decline);
  }
  keepMethod(world, cause, method, customer.id);
  return method;
}

function ownOrReadyMade(world: World, id: string): Stripe.PaymentMethod {
  const number = testMethods[id];
  const card = number === undefined ? undefined : readCard(number);
  if (card && "number" in card) return createCard(world, card, { email: null, name: null });
  const method = world.paymentMethods.get(id);
  if (!method) throw noSuch("PaymentMethod", id);
  return method;
}

function found(world: World, id: string): Stripe.PaymentMethod {
  const method = world.paymentMethods.get(id);
  if (!method) throw noSuch("PaymentMethod", id);
  return method;
}

function methodsOf(world: World, customerId: string, type: string | undefined): Stripe.PaymentMethod[] {
  return world.paymentMethods
    .newestFirst()
    .filter(({ customer }) => customer === customerId)
    .filter((method) => type === undefined || method.type === type);
}

export const paymentMethods = [
  route<Stripe.PaymentMethodRetrieveParams>({
    verb: "GET",
    path: "/v1/payment_methods/:id",
    method: "PaymentMethodResource.retrieve",
    supports: [],
    answers: "payment_method",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.PaymentMethodAttachParams>({
    verb: "POST",
    path: "/v1/payment_methods/:id/attach",
    method: "PaymentMethodResource.attach",
    supports: ["customer"],
    answers: "payment_method",
    run({ world, id, cause, params }) {
      const { customer } = params;
      if (customer === undefined) throw missing("customer");
      return inTimeOf(world, customer, () => attach(world, cause, id, customer));
    },
  }),
  route<Stripe.PaymentMethodDetachParams>({
    verb: "POST",
    path: "/v1/payment_methods/:id/detach",
    method: "PaymentMethodResource.detach",
    supports: [],
    answers: "payment_method",
    run({ world, id, cause }) {
      const method = found(world, id);
      if (method.customer === null) {
        throw invalid(
          "The payment method you provided is not attached to a customer so detachment is impossible.",
        );
      }
      return inTimeOf(world, idOf(method.customer), () => {
        dropMethod(world, cause, method);
        return method;
      });
    },
  }),
  route<Stripe.PaymentMethodUpdateParams>({
    verb: "POST",
    path: "/v1/payment_methods/:id",
    method: "PaymentMethodResource.update",
    supports: ["metadata"],
    answers: "payment_method",
    run({ world, id, cause, params }) {
      const method = found(world, id);
      if (method.customer === null) {
        throw invalid("You must save this PaymentMethod to a customer before you can update it.");
      }
      const before = copy(method);
      method.metadata = mergeMetadata(method.metadata, params.metadata);
      world.emit(cause, "payment_method.updated", method, before);
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
  route<Stripe.CustomerListPaymentMethodsParams>({
    verb: "GET",
    path: "/v1/customers/:id/payment_methods",
    method: "CustomerResource.listPaymentMethods",
    supports: ["type", "limit", "starting_after", "ending_before"],
    answers: "payment_method",
    run({ world, id, params }) {
      if (!world.customers.get(id)) throw noSuch("customer", id);
      return page(
        methodsOf(world, id, params.type),
        params,
        `/v1/customers/${id}/payment_methods`,
        "PaymentMethod",
      );
    },
  }),
];
