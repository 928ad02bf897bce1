/** Delivers events to webhook endpoints: in the background, signed, retried, and as unreliably as a test asks for. */
import type { StoredEndpoint, StoredEvent, World } from "../world.ts";
import { signatureHeader } from "./sign.ts";

export type Attempt = {
  readonly at: string;
  /** null when no answer came. */
  readonly status: number | null;
  /** The beginning of what was answered, or why nothing was. */
  readonly answer: string;
};

export type DeliveryState = "queued" | "held" | "sending" | "waiting" | "delivered" | "failed" | "lost";

export type Delivery = {
  readonly id: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly endpointId: string;
  readonly url: string;
  state: DeliveryState;
  readonly attempts: Attempt[];
};

/** How the way to the endpoint misbehaves; what is not said stays as it was. */
export type Disorder = {
  /** Sends each event this many times more. */
  duplicates?: number;
  /** Sends what was caused together in the opposite order. */
  reorder?: boolean;
  /** Waits before each first attempt. */
  delayMs?: number;
  /** Loses this many deliveries: they never arrive and are not retried. */
  lose?: number;
  /** Sends without waiting for the answer to the one before. */
  concurrent?: boolean;
  /** Touches these event types only; null for all. */
  types?: readonly string[] | null;
};

export type Resend = {
  /** Under a new event id, as when Stripe makes two events of one happening. */
  readonly asNewEvent?: boolean;
  /** How often; 1 by default. */
  readonly times?: number;
};

export type Webhooks = {
  /** Queues an event for every endpoint that wants its type. */
  announce(event: StoredEvent): void;
  /** From now on nothing is sent; it is kept. */
  hold(): void;
  /** Sends what was held, and stops holding. */
  release(how?: { reverse?: boolean }): void;
  /** What is held is never sent. */
  discard(): void;
  /**
   * Sends these events in this order, each when the one before has been answered, held ones and repeated ones too; none
   * is tried again. @returns what was answered. @throws Error when there is no such event.
   */
  deliver(eventIds: readonly string[]): Promise<Attempt[]>;
  disturb(disorder: Disorder): void;
  /** Back to one orderly delivery each. */
  calm(): void;
  /** @returns the event that is sent, undefined when there is none with this id. */
  resend(eventId: string, how?: Resend): StoredEvent | undefined;
  /** Newest last. */
  readonly deliveries: readonly Delivery[];
  readonly holding: boolean;
  readonly disorder: Readonly<Required<Disorder>>;
  /** Resolves when every delivery has arrived, was given up, lost or is held. */
  flush(): Promise<void>;
  close(): void;
};

const ANSWER_TIMEOUT_MS = 20_000;
const KEPT_ANSWER_LENGTH = 500;

const orderly: Required<Disorder> = {
  duplicates: 0,
  reorder: false,
  delayMs: 0,
  lose: 0,
  concurrent: false,
  types: null,
};

/** @param retryDelaysMs one retry each; when they are used up the delivery has failed. */
export function createWebhooks(world: () => World, retryDelaysMs: readonly number[]): Webhooks {
  const deliveries: Delivery[] = [];
  const closing = new AbortController();
  const undelivered = new Map<string, Set<string>>();
  let queue: Delivery[] = [];
  let held: Delivery[] = [];
  let holding = false;
  let disorder = orderly;
  let active = 0;
  let pumping = false;
  let idle: (() => void)[] = [];
  let line: Promise<void> = Promise.resolve();

  function settle(delivery: Delivery, state: DeliveryState): void {
    delivery.state = state;
    active -= 1;
    if (active === 0) {
      for (const resolve of idle) resolve();
      idle = [];
    }
  }

  function hold(delivery: Delivery): void {
    held.push(delivery);
    settle(delivery, "held");
  }

  function enqueue(delivery: Delivery): void {
    active += 1;
    delivery.state = "queued";
    if (holding) {
      hold(delivery);
      return;
    }
    queue.push(delivery);
    if (pumping) return;
    pumping = true;
    // After the call that caused it has been answered, and together with what it caused besides.
    setImmediate(pump);
  }

  function pump(): void {
    pumping = false;
    const batch = disorder.reorder ? queue.toReversed() : queue;
    queue = [];
    for (const delivery of batch) {
      if (disorder.concurrent) void send(delivery);
      else line = line.then(() => send(delivery));
    }
  }

  /** The first attempt; retries run beside the line, so that one bad endpoint does not stop the others. */
  async function send(delivery: Delivery): Promise<void> {
    if (disorder.delayMs > 0 && touches(delivery.eventType)) await pause(disorder.delayMs);
    if (!(await attempt(delivery))) void retry(delivery);
  }

  async function retry(delivery: Delivery): Promise<void> {
    for (const delayMs of retryDelaysMs) {
      delivery.state = "waiting";
      await pause(delayMs);
      if (await attempt(delivery)) return;
    }
    settle(delivery, "failed");
  }

  /** @returns whether the delivery is settled: it arrived, is held, or has nowhere to go. */
  async function attempt(delivery: Delivery): Promise<boolean> {
    if (closing.signal.aborted) {
      settle(delivery, "failed");
      return true;
    }
    if (holding) {
      hold(delivery);
      return true;
    }
    const event = world().events.get(delivery.eventId);
    const stored = world().endpoints.get(delivery.endpointId);
    if (!event || stored?.endpoint.status !== "enabled") {
      settle(delivery, "failed");
      return true;
    }
    if (!(await arrives(delivery, event, stored))) return false;
    settle(delivery, "delivered");
    return true;
  }

  async function arrives(delivery: Delivery, event: StoredEvent, stored: StoredEndpoint): Promise<boolean> {
    delivery.state = "sending";
    const made = await post(event, stored);
    delivery.attempts.push(made);
    if (made.status === null || made.status < 200 || made.status > 299) return false;
    const waiting = undelivered.get(event.id);
    waiting?.delete(stored.id);
    event.pending_webhooks = waiting?.size ?? 0;
    return true;
  }

  async function post(event: StoredEvent, stored: StoredEndpoint): Promise<Attempt> {
    const body = JSON.stringify(event, null, 2);
    const at = world().now().toISOString();
    try {
      const response = await fetch(stored.endpoint.url, {
        method: "POST",
        redirect: "manual",
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
        headers: {
          accept: "*/*; q=0.5, application/xml",
          "cache-control": "no-cache",
          "content-type": "application/json; charset=utf-8",
          "stripe-signature": signatureHeader(body, stored.secret, world().seconds()),
          "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        },
        body,
      });
      const answer = await response.text();
      return { at, status: response.status, answer: answer.slice(0, KEPT_ANSWER_LENGTH) };
    } catch (error) {
      return { at, status: null, answer: reason(error) };
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (closing.signal.aborted) {
        resolve();
        return;
      }
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        closing.signal.removeEventListener("abort", done);
        resolve();
      }
      closing.signal.addEventListener("abort", done);
    });
  }

  function touches(type: string): boolean {
    return disorder.types === null || disorder.types.includes(type);
  }

  function newDelivery(event: StoredEvent, stored: StoredEndpoint): Delivery {
    const delivery: Delivery = {
      id: world().id("whd_", 14),
      eventId: event.id,
      eventType: event.type,
      endpointId: stored.id,
      url: stored.endpoint.url,
      state: "queued",
      attempts: [],
    };
    deliveries.push(delivery);
    return delivery;
  }

  function wanting(type: string): StoredEndpoint[] {
    return world()
      .endpoints.oldestFirst()
      .filter(({ endpoint }) => endpoint.status === "enabled")
      .filter(({ endpoint: { enabled_events: wanted } }) => wanted.includes("*") || wanted.includes(type));
  }

  function expectDelivery(event: StoredEvent, endpoints: readonly StoredEndpoint[]): void {
    undelivered.set(event.id, new Set(endpoints.map(({ id }) => id)));
    event.pending_webhooks = endpoints.length;
  }

  return {
    announce(event) {
      const endpoints = wanting(event.type);
      expectDelivery(event, endpoints);
      for (const stored of endpoints) {
        if (disorder.lose > 0 && touches(event.type)) {
          disorder = { ...disorder, lose: disorder.lose - 1 };
          newDelivery(event, stored).state = "lost";
          continue;
        }
        const copies = touches(event.type) ? disorder.duplicates : 0;
        for (let sent = 0; sent <= copies; sent += 1) enqueue(newDelivery(event, stored));
      }
    },
    hold: () => void (holding = true),
    release({ reverse = false } = {}) {
      holding = false;
      const waiting = reverse ? held.toReversed() : held;
      held = [];
      for (const delivery of waiting) enqueue(delivery);
    },
    discard() {
      for (const delivery of held) delivery.state = "lost";
      held = [];
    },
    async deliver(eventIds) {
      const made: Attempt[] = [];
      for (const id of eventIds) {
        const event = world().events.get(id);
        if (!event) throw new Error(`No such event: ${id}`);
        for (const stored of wanting(event.type)) {
          const delivery = newDelivery(event, stored);
          active += 1;
          settle(delivery, (await arrives(delivery, event, stored)) ? "delivered" : "failed");
          made.push(...delivery.attempts);
        }
      }
      return made;
    },
    disturb: (next) => void (disorder = { ...disorder, ...next }),
    calm: () => void (disorder = orderly),
    resend(eventId, { asNewEvent = false, times = 1 } = {}) {
      const known = world().events.get(eventId);
      if (!known) return undefined;
      const endpoints = wanting(known.type);
      let event = known;
      if (asNewEvent) {
        event = world().events.add({
          ...structuredClone(known),
          id: world().id("evt_1", 23),
          created: world().seconds(),
        });
        expectDelivery(event, endpoints);
      }
      for (let sent = 0; sent < times; sent += 1) {
        for (const stored of endpoints) enqueue(newDelivery(event, stored));
      }
      return event;
    },
    deliveries,
    get holding() {
      return holding;
    },
    get disorder() {
      return disorder;
    },
    flush: () => (active === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))),
    close: () => {
      closing.abort();
    },
  };
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
