/** All that one stand-in knows: its clock, its chance, its objects, and how an event is made known. */
import type { Stripe } from "stripe";
import { createCollection, type Collection } from "./collection.ts";
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
  /** What a removed product or customer left behind. */
  readonly deleted: Collection<Stripe.DeletedCustomer | Stripe.DeletedProduct>;
  readonly sessions: Collection<Stripe.Checkout.Session>;
  readonly insides: Map<string, SessionInside>;
  readonly paymentIntents: Collection<Stripe.PaymentIntent>;
  readonly paymentMethods: Collection<Stripe.PaymentMethod>;
  readonly charges: Collection<Stripe.Charge>;
  readonly refunds: Collection<Stripe.Refund>;
  readonly balanceTransactions: Collection<Stripe.BalanceTransaction>;
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
    deleted: createCollection(),
    sessions: createCollection(),
    insides: new Map(),
    paymentIntents: createCollection(),
    paymentMethods: createCollection(),
    charges: createCollection(),
    refunds: createCollection(),
    balanceTransactions: createCollection(),
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

/** The former values of what changed. */
function changed(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries(
    [...names]
      .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
      .map((name) => [name, before[name] ?? null]),
  );
}
