/** Starts a stand-in for Stripe on a loopback port: the real SDK runs against it unchanged. */
import { Hono } from "hono";
import { createClock, type Clock } from "../clock.ts";
import { createFaults, type Faults } from "../wire/faults.ts";
import type { BillingSettings } from "./billing/state.ts";
import { serve } from "../wire/serve.ts";
import { createExpander, mountApi } from "./api.ts";
import { createPassing, type AfterDay } from "./control/passing.ts";
import { mountControl } from "./control/routes.ts";
import { mountCheckout } from "./hosted/checkout.ts";
import { mountInvoices } from "./hosted/invoice.ts";
import { mountPortal } from "./hosted/portal.ts";
import { createLater } from "./later.ts";
import { refuseRealKeys } from "./protocol/auth.ts";
import { createIdempotency } from "./protocol/idempotency.ts";
import { refusalOfStatus } from "./protocol/planned.ts";
import { refuse, type Protocol } from "./protocol/serve-route.ts";
import { createGate, type Gate } from "./protocol/gate.ts";
import { loadSdk } from "./shapes/load.ts";
import { createActions, type Actions } from "./stand-in.ts";
import { sweep } from "./sweep.ts";
import { createWebhooks, type Webhooks } from "./webhooks/deliver.ts";
import { createEventRecord, type EventRecord } from "./webhooks/record.ts";
import { createWorld, type World } from "./world.ts";

export type StripeOptions = {
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** The only key that is accepted; it begins with `sk_test_`. */
  readonly apiKey: string;
  /** An endpoint for all events, signed with this secret. */
  readonly webhook?: { readonly url: string; readonly secret: string };
  /** For `created`, expiry, signatures. One of its own by default, above `now`. */
  readonly clock?: Clock;
  /** What else is done when days pass on the control page, after each of them. */
  readonly afterDay?: AfterDay;
  /** The machine's by default. */
  readonly now?: () => Date;
  /** 0 up to 1, for ids. `Math.random` by default. */
  readonly random?: () => number;
  /** One retry each for a webhook that failed; 1 s, 5 s and 30 s by default. */
  readonly retryDelaysMs?: readonly number[];
  /** So long a test clock is advancing: whoever does not wait for it is told so. A moment by default. */
  readonly advancingMs?: number;
  /** How subscriptions are billed, where it is not as usual. */
  readonly billing?: Partial<BillingSettings>;
};

export type StripeStandIn = Actions & {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** What the SDK takes as its configuration to reach this stand-in. */
  readonly sdkConfig: { readonly host: string; readonly port: number; readonly protocol: "http" };
  readonly faults: Faults;
  readonly webhooks: Webhooks;
  /** Events to be taken and given to a webhook in any order, without a socket. */
  readonly events: EventRecord;
  readonly clock: Clock;
  /** Stops the work of POST requests after they have claimed their idempotency key, and lets it go on. */
  readonly gate: Gate;
  /** What is stored, for a test's assertions. */
  readonly world: World;
  /** Resolves when no test clock is advancing and every webhook has arrived, was given up, lost or is held. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

const RETRY_DELAYS_MS = [1_000, 5_000, 30_000];
const ADVANCING_MS = 5;

/** @throws Error for a live key or NODE_ENV=production. */
export async function startStripe(options: StripeOptions): Promise<StripeStandIn> {
  refuseRealKeys(options.apiKey, process.env["NODE_ENV"]);
  const sdk = await loadSdk();
  let url = "";
  const clock = options.clock ?? createClock(options.now ?? (() => new Date()));
  const webhooks = createWebhooks(() => world, options.retryDelaysMs ?? RETRY_DELAYS_MS);
  const waiting = createLater(options.advancingMs ?? ADVANCING_MS);
  const world: World = createWorld({
    later: waiting.later,
    billing: options.billing ?? {},
    sdk,
    now: () => clock.now(),
    random: options.random ?? Math.random,
    url: () => url,
    announce: (event) => {
      webhooks.announce(event);
    },
  });
  const gate = createGate();
  const protocol: Protocol = {
    world,
    apiKey: options.apiKey,
    idempotency: createIdempotency(() => world.now()),
    expander: createExpander(world),
    turn: () => gate.pass(),
    sweep: () => {
      sweep(world);
    },
  };
  const faults = createFaults((_, status) => refuse(protocol, refusalOfStatus(status)));
  const actions = createActions(world, clock);

  async function flush(): Promise<void> {
    await waiting.done();
    await webhooks.flush();
  }
  const passing = createPassing(actions, clock, flush, options.afterDay ?? (() => Promise.resolve()));

  const app = new Hono();
  mountApi(app, protocol, faults);
  mountCheckout(app, world);
  mountInvoices(app, world);
  mountPortal(app, world);
  faults.mount(app);
  mountControl(app, { world, actions, webhooks, faults, gate, clock, passing });
  const served = await serve(app, options.port ?? 0);
  url = served.url;
  if (options.webhook) actions.listen(options.webhook);

  return {
    ...actions,
    url,
    port: served.port,
    sdkConfig: { host: "127.0.0.1", port: served.port, protocol: "http" },
    faults,
    webhooks,
    events: createEventRecord(world),
    clock,
    gate,
    world,
    flush,
    async close() {
      waiting.close();
      gate.open();
      webhooks.close();
      await served.close();
    },
  };
}
