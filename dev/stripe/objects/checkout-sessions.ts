/** Checkout Sessions on the hosted page: for a payment, a subscription, or a card to be stored. */
import type { Stripe } from "stripe";
import { refuseBadEmail } from "../customers/email.ts";
import { customerNamed } from "../customers/find.ts";
import { invalid, missing, noSuch, onlyOneOf, unsupported } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { readTrial } from "../billing/read.ts";
import { applyDiscounts, redeem, spread, type Applied } from "../discounts/apply.ts";
import { expireSession } from "../payments/expire.ts";
import type { Cause, SessionInside, World } from "../world.ts";
import { methodsFor } from "./checkout-methods.ts";
import { readLineItems } from "./line-items.ts";
import { currencyOf, refuseUnchargeable } from "./money.ts";
import { keepPrice, type BuiltPrice } from "./prices.ts";

type Params = Stripe.Checkout.SessionCreateParams;

const SHORTEST_SECONDS = 30 * 60;
const LONGEST_SECONDS = 24 * 60 * 60;
const MAX_REFERENCE_LENGTH = 200;

function create(world: World, cause: Cause, params: Params): Stripe.Checkout.Session {
  refuseContradictions(params);
  const expiresAt = expiryOf(world, params.expires_at);
  const customer = params.customer === undefined ? null : customerNamed(world, params.customer, "customer");
  if (params.customer_email !== undefined) refuseBadEmail(params.customer_email, "customer_email");
  const success = address(params.success_url, "success_url");
  const cancel = params.cancel_url === undefined ? null : address(params.cancel_url, "cancel_url");
  const metadata = mergeMetadata(null, params.metadata);
  const paymentIntentData = insideOf(params);
  const order = orderOf(world, params, customer);
  const { lineItems, discount, currency, methods, subtotal, total, mode } = order;
  // From here on nothing is refused any more.
  for (const built of order.built) keepPrice(world, cause, built);
  if (discount) {
    spread(lineItems, discount.amount);
    redeem(discount);
  }
  const id = world.id("cs_test_", 60);
  const email = customer?.email ?? params.customer_email ?? null;
  world.insides.set(id, {
    lineItems,
    paymentIntentData,
    ...(params.subscription_data === undefined ? {} : { subscriptionData: params.subscription_data }),
    ...(params.setup_intent_data === undefined ? {} : { setupIntentData: params.setup_intent_data }),
  });
  return world.sessions.add({
    id,
    object: "checkout.session",
    adaptive_pricing: null,
    after_expiration: null,
    allow_promotion_codes: null,
    allowed_payment_method_types: params.allowed_payment_method_types ? methods : null,
    amount_subtotal: subtotal,
    amount_total: total,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: params.billing_address_collection ?? null,
    cancel_url: cancel,
    client_reference_id: params.client_reference_id ?? null,
    client_secret: null,
    collected_information: null,
    consent: null,
    consent_collection: null,
    created: world.seconds(),
    currency,
    currency_conversion: null,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer: customer?.id ?? null,
    customer_account: null,
    customer_creation: customer
      ? null
      : (params.customer_creation ?? (mode === "subscription" ? "always" : "if_required")),
    customer_details: email === null ? null : detailsOf(email, customer?.name ?? null),
    customer_email: params.customer_email ?? null,
    discounts: discount
      ? [{ coupon: discount.code ? null : discount.coupon.id, promotion_code: discount.code?.id ?? null }]
      : [],
    expires_at: expiresAt,
    integration_identifier: params.integration_identifier ?? null,
    invoice: null,
    invoice_creation: {
      enabled: false,
      invoice_data: {
        account_tax_ids: null,
        custom_fields: null,
        description: null,
        footer: null,
        issuer: null,
        metadata: {},
        rendering_options: null,
      },
    },
    livemode: false,
    locale: params.locale ?? null,
    managed_payments: { enabled: false },
    metadata,
    mode,
    origin_context: null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection:
      params.payment_method_collection ?? (mode === "subscription" ? "always" : "if_required"),
    payment_method_configuration_details: null,
    payment_method_options: { card: { request_three_d_secure: "automatic" } },
    payment_method_types: methods,
    payment_status: total === 0 || total === null ? "no_payment_required" : "unpaid",
    permissions: null,
    phone_number_collection: { enabled: false },
    recovered_from: null,
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: "open",
    submit_type: params.submit_type ?? null,
    subscription: null,
    success_url: success,
    total_details:
      mode === "setup" ? null : { amount_discount: discount?.amount ?? 0, amount_shipping: 0, amount_tax: 0 },
    ui_mode: "hosted_page",
    url: `${world.url()}/c/pay/${id}`,
    wallet_options: null,
  });
}

type Order = {
  readonly mode: "payment" | "setup" | "subscription";
  readonly lineItems: Stripe.LineItem[];
  /** Prices that are made for this session alone. */
  readonly built: readonly BuiltPrice[];
  readonly discount: Applied | undefined;
  readonly currency: string | null;
  readonly methods: string[];
  /** null where nothing is sold. */
  readonly subtotal: number | null;
  readonly total: number | null;
};

function orderOf(world: World, params: Params, customer: Stripe.Customer | null): Order {
  const allowed = params.allowed_payment_method_types;
  if (params.mode === "setup") {
    const currency = params.currency === undefined ? null : currencyOf(params.currency, "currency");
    return {
      mode: "setup",
      lineItems: [],
      built: [],
      discount: undefined,
      currency,
      methods: cardsOnly(allowed),
      subtotal: null,
      total: null,
    };
  }
  const mode = params.mode === "subscription" ? "subscription" : "payment";
  const read = readLineItems(world, params.line_items, mode);
  const lineItems = read.map(({ item }) => item);
  const currency = lineItems[0]?.currency ?? "usd";
  const trial =
    mode === "subscription" && readTrial(world, params.subscription_data ?? {}, "subscription_data") !== null;
  // A trial is sold for nothing: what the lines cost comes when it ends.
  for (const item of lineItems) {
    if (!trial) continue;
    item.amount_subtotal = 0;
    item.amount_total = 0;
  }
  const subtotal = lineItems.reduce((sum, each) => sum + each.amount_subtotal, 0);
  const discount = applyDiscounts(world, params.discounts, { subtotal, currency, customer });
  const total = subtotal - (discount?.amount ?? 0);
  refuseUnchargeable(total, currency);
  return {
    mode,
    lineItems,
    built: read.flatMap(({ built }) => (built ? [built] : [])),
    discount,
    currency,
    methods: mode === "subscription" ? cardsOnly(allowed) : methodsFor(allowed, currency, customer),
    subtotal,
    total,
  };
}

/** What is charged again later is charged to a card here. */
function cardsOnly(allowed: readonly string[] | undefined): string[] {
  const other = allowed?.find((each) => each !== "card");
  if (other !== undefined) {
    throw unsupported(`the payment method '${other}' for later payments`, "allowed_payment_method_types");
  }
  return ["card"];
}

export function detailsOf(
  email: string | null,
  name: string | null,
): Stripe.Checkout.Session.CustomerDetails {
  return {
    address: null,
    business_name: null,
    email,
    individual_name: null,
    name,
    phone: null,
    tax_exempt: "none",
    tax_ids: null,
  };
}

function refuseContradictions(params: Params): void {
  if (params.mode === undefined) throw missing("mode");
  refuseForMode(params);
  if (params.ui_mode !== undefined && params.ui_mode !== "hosted_page") {
    throw unsupported(`ui_mode '${params.ui_mode}'`, "ui_mode");
  }
  if (params.customer !== undefined && params.customer_email !== undefined) {
    throw onlyOneOf("customer", "customer_email");
  }
  if (params.customer !== undefined && params.customer_creation !== undefined) {
    throw onlyOneOf("customer", "customer_creation");
  }
  const reference = params.client_reference_id ?? "";
  if (reference.length > MAX_REFERENCE_LENGTH) {
    throw invalid(
      `Invalid string: ${reference.slice(0, 20)}…; must be at most ${MAX_REFERENCE_LENGTH} characters`,
      {
        param: "client_reference_id",
      },
    );
  }
}

/** Parameters that belong to one mode only. */
function refuseForMode(params: Params): void {
  const { mode } = params;
  if (mode !== "payment" && params.payment_intent_data !== undefined) {
    throw invalid(`You can not pass \`payment_intent_data\` in \`${String(mode)}\` mode.`, {
      param: "payment_intent_data",
    });
  }
  if (mode !== "subscription" && params.subscription_data !== undefined) {
    throw invalid("You can not pass `subscription_data` in modes other than `subscription`.", {
      param: "subscription_data",
    });
  }
  if (mode !== "setup" && params.setup_intent_data !== undefined) {
    throw invalid("You can not pass `setup_intent_data` in modes other than `setup`.", {
      param: "setup_intent_data",
    });
  }
  if (mode === "subscription" && params.customer_creation !== undefined) {
    throw invalid("`customer_creation` can only be used in `payment` and `setup` mode.", {
      param: "customer_creation",
    });
  }
  if (mode !== "subscription" && params.payment_method_collection !== undefined) {
    throw invalid("`payment_method_collection` can only be used in `subscription` mode.", {
      param: "payment_method_collection",
    });
  }
  if (mode !== "setup") return;
  if (params.line_items !== undefined) {
    throw invalid("`line_items` can not be used in `setup` mode.", { param: "line_items" });
  }
  if (params.discounts !== undefined) {
    throw invalid("`discounts` can not be used in `setup` mode.", { param: "discounts" });
  }
  if (params.currency === undefined && params.allowed_payment_method_types === undefined)
    throw missing("currency");
}

function expiryOf(world: World, asked: number | undefined): number {
  if (asked === undefined) return world.seconds() + LONGEST_SECONDS;
  const param = "expires_at";
  const ahead = asked - world.seconds();
  if (ahead < SHORTEST_SECONDS) {
    throw invalid("The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", {
      param,
    });
  }
  if (ahead > LONGEST_SECONDS) {
    throw invalid("The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", {
      param,
    });
  }
  return asked;
}

function address(text: string | undefined, param: string): string {
  if (text === undefined) throw missing(param);
  const url = URL.parse(text);
  if (url?.protocol === "http:" || url?.protocol === "https:") return text;
  throw invalid("Not a valid URL", { param, code: "url_invalid" });
}

function insideOf(params: Params): SessionInside["paymentIntentData"] {
  mergeMetadata(null, params.subscription_data?.metadata, "subscription_data[metadata]");
  mergeMetadata(null, params.setup_intent_data?.metadata, "setup_intent_data[metadata]");
  const data = params.payment_intent_data;
  if (data?.receipt_email !== undefined)
    refuseBadEmail(data.receipt_email, "payment_intent_data[receipt_email]");
  return {
    description: data?.description ?? null,
    metadata: mergeMetadata(null, data?.metadata, "payment_intent_data[metadata]"),
    receiptEmail: data?.receipt_email ?? null,
    statementDescriptor: data?.statement_descriptor ?? null,
    statementDescriptorSuffix: data?.statement_descriptor_suffix ?? null,
  };
}

function found(world: World, id: string): Stripe.Checkout.Session {
  const session = world.sessions.get(id);
  if (!session) throw noSuch("checkout.session", id);
  return session;
}

export const checkoutSessions = [
  route<Params>({
    verb: "POST",
    path: "/v1/checkout/sessions",
    method: "SessionResource.create",
    supports: [
      "allowed_payment_method_types",
      "billing_address_collection",
      "cancel_url",
      "client_reference_id",
      "customer",
      "customer_creation",
      "customer_email",
      "discounts.coupon",
      "discounts.promotion_code",
      "currency",
      "expires_at",
      "integration_identifier",
      "line_items.metadata",
      "line_items.price",
      "line_items.price_data.currency",
      "line_items.price_data.metadata",
      "line_items.price_data.product",
      "line_items.price_data.product_data.description",
      "line_items.price_data.product_data.images",
      "line_items.price_data.product_data.metadata",
      "line_items.price_data.product_data.name",
      "line_items.price_data.product_data.unit_label",
      "line_items.price_data.recurring",
      "line_items.price_data.tax_behavior",
      "line_items.price_data.unit_amount",
      "line_items.quantity",
      "locale",
      "metadata",
      "mode",
      "payment_intent_data.description",
      "payment_intent_data.metadata",
      "payment_intent_data.receipt_email",
      "payment_intent_data.statement_descriptor",
      "payment_intent_data.statement_descriptor_suffix",
      "payment_method_collection",
      "setup_intent_data.description",
      "setup_intent_data.metadata",
      "submit_type",
      "subscription_data.description",
      "subscription_data.metadata",
      "subscription_data.trial_end",
      "subscription_data.trial_period_days",
      "subscription_data.trial_settings",
      "success_url",
      "ui_mode",
    ],
    answers: "checkout.session",
    run: ({ world, cause, params }) => create(world, cause, params),
  }),
  route<Stripe.Checkout.SessionRetrieveParams>({
    verb: "GET",
    path: "/v1/checkout/sessions/:id",
    method: "SessionResource.retrieve",
    supports: [],
    answers: "checkout.session",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.Checkout.SessionUpdateParams>({
    verb: "POST",
    path: "/v1/checkout/sessions/:id",
    method: "SessionResource.update",
    supports: ["metadata"],
    answers: "checkout.session",
    run({ world, id, params }) {
      const session = found(world, id);
      session.metadata = mergeMetadata(session.metadata, params.metadata);
      return session;
    },
  }),
  route<Stripe.Checkout.SessionExpireParams>({
    verb: "POST",
    path: "/v1/checkout/sessions/:id/expire",
    method: "SessionResource.expire",
    supports: [],
    answers: "checkout.session",
    run({ world, id, cause }) {
      const session = found(world, id);
      if (session.status !== "open") {
        throw invalid(
          'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of ' +
            `\`${session.status ?? "unknown"}\`.`,
        );
      }
      expireSession(world, cause, session);
      return session;
    },
  }),
  route<Stripe.Checkout.SessionListLineItemsParams>({
    verb: "GET",
    path: "/v1/checkout/sessions/:id/line_items",
    method: "SessionResource.listLineItems",
    supports: ["limit", "starting_after", "ending_before"],
    answers: "item",
    run({ world, id, params }) {
      const session = found(world, id);
      const items = world.insides.get(session.id)?.lineItems ?? [];
      return page(items, params, `/v1/checkout/sessions/${id}/line_items`, "line item");
    },
  }),
  route<Stripe.Checkout.SessionListParams>({
    verb: "GET",
    path: "/v1/checkout/sessions",
    method: "SessionResource.list",
    supports: [
      "created",
      "customer",
      "customer_details.email",
      "payment_intent",
      "status",
      "subscription",
      "limit",
      "starting_after",
      "ending_before",
    ],
    answers: "checkout.session",
    run({ world, params }) {
      const email = params.customer_details?.email;
      const all = world.sessions
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ customer }) => params.customer === undefined || customer === params.customer)
        .filter(({ customer_details: details }) => email === undefined || details?.email === email)
        .filter(
          ({ payment_intent: intent }) =>
            params.payment_intent === undefined || intent === params.payment_intent,
        )
        .filter(({ status }) => params.status === undefined || status === params.status)
        .filter(
          ({ subscription }) => params.subscription === undefined || subscription === params.subscription,
        );
      return page(all, params, "/v1/checkout/sessions", "checkout.session");
    },
  }),
];
