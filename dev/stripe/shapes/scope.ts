/** Which of the SDK's resources this stand-in knows: their shapes are generated, all others stay foreign. */

/** File under the SDK's `resources`, its class of methods, and its interfaces that are answered. */
export const scope = [
  { file: "Balance", methods: "BalanceResource", answers: ["Balance"] },
  { file: "BalanceTransactions", methods: "BalanceTransactionResource", answers: ["BalanceTransaction"] },
  { file: "Charges", methods: "ChargeResource", answers: ["Charge"] },
  { file: "Checkout/Sessions", methods: "SessionResource", answers: ["Session"] },
  { file: "Customers", methods: "CustomerResource", answers: ["Customer"] },
  { file: "Events", methods: "EventResource", answers: [] },
  { file: "LineItems", methods: undefined, answers: ["LineItem"] },
  { file: "PaymentIntents", methods: "PaymentIntentResource", answers: ["PaymentIntent"] },
  { file: "PaymentMethods", methods: "PaymentMethodResource", answers: ["PaymentMethod"] },
  { file: "Prices", methods: "PriceResource", answers: ["Price"] },
  { file: "Products", methods: "ProductResource", answers: ["Product"] },
  { file: "Refunds", methods: "RefundResource", answers: ["Refund"] },
  { file: "WebhookEndpoints", methods: "WebhookEndpointResource", answers: ["WebhookEndpoint"] },
] as const;

export const emittedEvents = [
  "charge.failed",
  "charge.pending",
  "charge.refund.updated",
  "charge.refunded",
  "charge.succeeded",
  "charge.updated",
  "checkout.session.async_payment_failed",
  "checkout.session.async_payment_succeeded",
  "checkout.session.completed",
  "checkout.session.expired",
  "customer.created",
  "customer.deleted",
  "customer.updated",
  "payment_intent.canceled",
  "payment_intent.created",
  "payment_intent.payment_failed",
  "payment_intent.processing",
  "payment_intent.succeeded",
  "price.created",
  "price.deleted",
  "price.updated",
  "product.created",
  "product.deleted",
  "product.updated",
  "refund.created",
  "refund.failed",
  "refund.updated",
] as const;

export type EmittedEvent = (typeof emittedEvents)[number];
