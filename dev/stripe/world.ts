/** All that one stand-in knows: its clock, its chance, its objects, and how an event is made known. */
import type { Stripe } from "stripe";
import { createBillingState, type BillingSettings, type BillingState } from "./billing/state.ts";
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
  /** What a session in mode `subscription` says of the subscription it makes. */
  readonly subscriptionData?: Stripe.Checkout.SessionCreateParams.SubscriptionData;
  /** What a session in mode `setup` says of the SetupIntent it makes. */
  readonly setupIntentData?: Stripe.Checkout.SessionCreateParams.SetupIntentData;
};

/** A card payment that waits for its holder to prove who they are. */
export type Challenge = { readonly card: TestCard; readonly payer: Payer };

/** What waits to be done a moment after the request that asked for it was answered. */
export type Later = (work: () => void) => void;

export type World = {
  readonly sdk: Sdk;
  now(): Date;
  /** Whole seconds since the epoch, as Stripe counts. */
  seconds(): number;
  /** Does the work as if it were this moment: objects and events made meanwhile bear it. */
  within<T>(seconds: number, work: () => T): T;
  readonly later: Later;
  /** In a preview's copy of the world invoices are made, but not collected. */
  readonly preview: boolean;
  readonly billing: BillingState;
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
  /** 3-D Secure on its way, by the PaymentIntent's id; by the session's where a subscription is yet to be made. */
  readonly challenges: Map<string, Challenge>;
  readonly refunds: Collection<Stripe.Refund>;
  readonly disputes: Collection<Stripe.Dispute>;
  readonly balanceTransactions: Collection<Stripe.BalanceTransaction>;
  readonly payouts: Collection<Stripe.Payout>;
  /** The payout that carried a balance transaction away, by the transaction's id. */
  readonly paidOutBy: Map<string, string>;
  readonly events: Collection<StoredEvent>;
  /** When an event was made by the stand-in's own clock: a test clock's events bear that clock's time. */
  readonly recorded: Map<string, number>;
  readonly endpoints: Collection<StoredEndpoint>;
  /** @param before the object as it was, when the event says what changed. */
  emit(cause: Cause, type: EmittedEvent, object: object, before?: object): StoredEvent;
};

export type WorldOptions = {
  readonly sdk: Sdk;
  now(): Date;
  random(): number;
  url(): string;
  readonly later: Later;
  readonly billing: Partial<BillingSettings>;
  /** Called with each event once it is stored. */
  announce(event: StoredEvent): void;
};

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

export function createWorld(options: WorldOptions): World {
  const present = () => Math.floor(options.now().getTime() / 1000);
  let moment: number | undefined;
  const seconds = () => moment ?? present();
  const id = (prefix: string, length: number) => {
    const letter = () => LETTERS.charAt(Math.floor(options.random() * LETTERS.length));
    return `${prefix}${Array.from({ length }, letter).join("")}`;
  };
  const events = createCollection<StoredEvent>();
  const recorded = new Map<string, number>();
  return {
    sdk: options.sdk,
    now: () => options.now(),
    seconds,
    within(at, work) {
      const before = moment;
      moment = at;
      try {
        return work();
      } finally {
        moment = before;
      }
    },
    later: options.later,
    preview: false,
    billing: createBillingState(options.billing),
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
    recorded,
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
      recorded.set(event.id, present());
      options.announce(event);
      return event;
    },
  };
}

/** The object as it goes over the wire. */
export function copy(object: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
}

/** The former values of what changed, hash in hash; null for what was not there before. */
function changed(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const differing = [...names].filter((name) => !sameValue(before[name], after[name]));
  return Object.fromEntries(differing.map((name) => [name, former(before[name], after[name])]));
}

function former(before: unknown, after: unknown): unknown {
  return isHash(before) && isHash(after) ? changed(before, after) : (before ?? null);
}

function sameValue(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

export function isHash(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
