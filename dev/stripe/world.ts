/** All that one stand-in knows: its clock, its chance, its objects, and how an event is made known. */
import type { Stripe } from "stripe";
import { createCollection, type Collection } from "./collection.ts";
import type { Payer } from "./objects/payment-methods.ts";
import type { TestCard } from "./payments/test-cards.ts";
import type { Sdk } from "./shapes/load.ts";
import type { EmittedEvent } from "./shapes/scope.ts";

/** What brought an event about: a request of the API, or (both null) something done on a hosted page or by time. */
export type Cause = { readonly requestId: string | null; readonly idempotencyKey: string | null };

export const onItsOwn: Cause = { requestId: null, idempotencyKey: null };

export type StoredEvent = {
  id: string;
  object: "event";
  api_version: string;
  created: number;
  data: { object: Record<string, unknown>; previous_attributes?: Record<string, unknown> };
  livemode: false;
  pending_webhooks: number;
  request: { id: string | null; idempotency_key: string | null };
  type: string;
};

/** A webhook endpoint with the secret that answers leave out after its creation. */
export type StoredEndpoint = {
  id: string;
  created: number;
  secret: string;
  endpoint: Stripe.WebhookEndpoint;
};

/** What a Checkout Session keeps and does not show. */
export type SessionInside = {
  readonly lineItems: Stripe.LineItem[];
  readonly paymentIntentData: {
    readonly description: string | null;
    readonly metadata: Record<string, string>;
    readonly receiptEmail: string | null;
    readonly statementDescriptor: string | null;
    readonly statementDescriptorSuffix: string | null;
  };
};

/** A card payment that waits for its holder to prove who they are. */
export type Challenge = { readonly card: TestCard; readonly payer: Payer };

export type World = {
  readonly sdk: Sdk;
  now(): Date;
  /** Whole seconds since the epoch, as Stripe counts. */
  seconds(): number;
  /** A new id: the prefix and `length` letters and digits. */
  id(prefix: string, length: number): string;
  /** The stand-in's own address, known once it listens. */
  url(): string;
  readonly products: Collection<Stripe.Product>;
  readonly prices: Collection<Stripe.Price>;
  readonly customers: Collection<Stripe.Customer>;
  readonly coupons: Collection<Stripe.Coupon>;
  readonly promotionCodes: Collection<Stripe.PromotionCode>;
  /** What a removed product, customer or coupon left behind. */
  readonly deleted: Collection<Stripe.DeletedCoupon | Stripe.DeletedCustomer | Stripe.DeletedProduct>;
  readonly sessions: Collection<Stripe.Checkout.Session>;
  readonly insides: Map<string, SessionInside>;
  readonly paymentIntents: Collection<Stripe.PaymentIntent>;
  readonly paymentMethods: Collection<Stripe.PaymentMethod>;
  readonly charges: Collection<Stripe.Charge>;
  /** The test card a charge was made with, by the charge's id: it says what becomes of refunds and disputes. */
  readonly cards: Map<string, TestCard>;
  /** 3-D Secure on its way, by the PaymentIntent's id. */
  readonly challenges: Map<string, Challenge>;
  readonly refunds: Collection<Stripe.Refund>;
  readonly disputes: Collection<Stripe.Dispute>;
  readonly balanceTransactions: Collection<Stripe.BalanceTransaction>;
  readonly payouts: Collection<Stripe.Payout>;
  /** The payout that carried a balance transaction away, by the transaction's id. */
  readonly paidOutBy: Map<string, string>;
  readonly events: Collection<StoredEvent>;
  readonly endpoints: Collection<StoredEndpoint>;
  /** @param before the object as it was, when the event says what changed. */
  emit(cause: Cause, type: EmittedEvent, object: object, before?: object): StoredEvent;
};

export type WorldOptions = {
  readonly sdk: Sdk;
  now(): Date;
  random(): number;
  url(): string;
  /** Called with each event once it is stored. */
  announce(event: StoredEvent): void;
};

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

export function createWorld(options: WorldOptions): World {
  const seconds = () => Math.floor(options.now().getTime() / 1000);
  const id = (prefix: string, length: number) => {
    const letter = () => LETTERS.charAt(Math.floor(options.random() * LETTERS.length));
    return `${prefix}${Array.from({ length }, letter).join("")}`;
  };
  const events = createCollection<StoredEvent>();
  return {
    sdk: options.sdk,
    now: () => options.now(),
    seconds,
    id,
    url: () => options.url(),
    products: createCollection(),
    prices: createCollection(),
    customers: createCollection(),
    coupons: createCollection(),
    promotionCodes: createCollection(),
    deleted: createCollection(),
    sessions: createCollection(),
    insides: new Map(),
    paymentIntents: createCollection(),
    paymentMethods: createCollection(),
    charges: createCollection(),
    cards: new Map(),
    challenges: new Map(),
    refunds: createCollection(),
    disputes: createCollection(),
    balanceTransactions: createCollection(),
    payouts: createCollection(),
    paidOutBy: new Map(),
    events,
    endpoints: createCollection(),
    emit(cause, type, object, before) {
      const snapshot = copy(object);
      const event: StoredEvent = events.add({
        id: id("evt_1", 23),
        object: "event",
        api_version: options.sdk.apiVersion,
        created: seconds(),
        data: {
          object: snapshot,
          ...(before === undefined ? {} : { previous_attributes: changed(copy(before), snapshot) }),
        },
        livemode: false,
        pending_webhooks: 0,
        request: { id: cause.requestId, idempotency_key: cause.idempotencyKey },
        type,
      });
      options.announce(event);
      return event;
    },
  };
}

/** The object as it goes over the wire. */
export function copy(object: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
}

/** The former values of what changed; a field that was not there before has none. */
function changed(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(before).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(after[name])),
  );
}
