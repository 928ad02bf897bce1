/** What the stand-in's tests share: the stand-in, the real SDK in front of it, and a shop that listens to its webhooks. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Stripe } from "stripe";
import { afterEach, beforeAll, expect } from "vitest";
import type { Paying } from "../../dev/stripe/actions/checkout.ts";
import { idOf } from "../../dev/stripe/reference.ts";
import { loadSdk } from "../../dev/stripe/shapes/load.ts";
import { startStripe, type StripeOptions, type StripeStandIn } from "../../dev/stripe/start.ts";

export const API_KEY = "sk_test_standin";
export const SECRET = "whsec_standin";

type Received = { readonly event: Stripe.Event; readonly signature: string; readonly body: string };

type Shop = {
  readonly url: string;
  readonly received: Received[];
  /** What the next deliveries are answered; 200 when there is nothing here. */
  readonly answers: number[];
  types(): string[];
};

const closing: (() => Promise<void>)[] = [];

// Where the shapes are not cached yet, generating them must not count against the first test.
beforeAll(async () => {
  await loadSdk();
}, 60_000);

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

export async function start(
  options: Partial<StripeOptions> = {},
): Promise<{ standIn: StripeStandIn; stripe: Stripe }> {
  const standIn = await startStripe({ apiKey: API_KEY, retryDelaysMs: [1, 1], ...options });
  closing.push(() => standIn.close());
  return { standIn, stripe: client(standIn) };
}

export function client(standIn: StripeStandIn, apiKey = API_KEY): Stripe {
  return new Stripe(apiKey, { ...standIn.sdkConfig, maxNetworkRetries: 0, telemetry: false });
}

export async function startShop(): Promise<Shop> {
  const received: Received[] = [];
  const answers: number[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const signature = String(request.headers["stripe-signature"]);
      received.push({ event: JSON.parse(body) as Stripe.Event, signature, body });
      response.writeHead(answers.shift() ?? 200).end("seen");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  );
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/webhook`,
    received,
    answers,
    types: () => received.map(({ event }) => event.type),
  };
}

export async function startWithShop(options: Partial<StripeOptions> = {}) {
  const shop = await startShop();
  return { shop, ...(await start({ webhook: { url: shop.url, secret: SECRET }, ...options })) };
}

export function purchase(
  extra: Partial<Stripe.Checkout.SessionCreateParams> = {},
): Stripe.Checkout.SessionCreateParams {
  return {
    mode: "payment",
    line_items: [
      {
        quantity: 1,
        price_data: { currency: "usd", unit_amount: 9_900, product_data: { name: "1,000 ducats" } },
      },
    ],
    success_url: "https://shop.test/thanks?session={CHECKOUT_SESSION_ID}",
    cancel_url: "https://shop.test/buy",
    metadata: { purchase: "pur_1" },
    payment_intent_data: { metadata: { purchase: "pur_1" } },
    ...extra,
  };
}

/** The error an SDK call ends with. */
export async function refusal(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Stripe.errors.StripeError) return outcome;
  throw new Error("The call was not refused", { cause: outcome });
}

type Asked = { method?: string; headers?: Record<string, string>; body?: string };

export function ask(
  standIn: StripeStandIn,
  path: string,
  { headers, ...init }: Asked = {},
): Promise<Response> {
  return fetch(`${standIn.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${API_KEY}`, ...headers },
    redirect: "manual",
  });
}

export function control(standIn: StripeStandIn, path: string, body: object = {}): Promise<Response> {
  return fetch(`${standIn.url}/_control${path}`, { method: "POST", body: JSON.stringify(body) });
}

export function pageForm(url: string | null, fields: Record<string, string>): Promise<Response> {
  return fetch(url ?? "", { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
}

type Payment = {
  readonly standIn: StripeStandIn;
  readonly stripe: Stripe;
  readonly sessionId: string;
  readonly intent: string;
  readonly charge: string;
  /** The types of the events since the payment began, in the order in which they came. */
  readonly types: () => string[];
};

/** A stand-in and a payment of $99.00 there. */
export async function paid(how: Paying = {}, options: Partial<StripeOptions> = {}): Promise<Payment> {
  const started = await start(options);
  return { ...started, ...(await pay(started, how)) };
}

/** Another payment at the same stand-in. */
export async function pay(
  { standIn, stripe }: { standIn: StripeStandIn; stripe: Stripe },
  how: Paying = {},
): Promise<Omit<Payment, "standIn" | "stripe">> {
  const { id } = await stripe.checkout.sessions.create(purchase());
  const mark = standIn.events.mark();
  standIn.pay(id, how);
  const session = await stripe.checkout.sessions.retrieve(id, { expand: ["payment_intent"] });
  const intent = session.payment_intent as Stripe.PaymentIntent | null;
  return {
    sessionId: id,
    intent: intent?.id ?? "",
    charge: idOf(intent?.latest_charge),
    types: () => standIn.events.since(mark).map(({ type }) => type),
  };
}

/** What must hold after anything: the balance is the sum of the transactions, and every object and event has its shape. */
export async function holds(stripe: Stripe, standIn: StripeStandIn): Promise<void> {
  const { available, pending } = await stripe.balance.retrieve();
  let sum = 0;
  for await (const { amount, fee, fee_details: fees, net } of stripe.balanceTransactions.list()) {
    expect(net).toBe(amount - fee);
    expect(fees.reduce((all, each) => all + each.amount, 0)).toBe(fee);
    sum += net;
  }
  expect([...available, ...pending].reduce((all, { amount }) => all + amount, 0)).toBe(sum);
  expect(standIn.check()).toEqual([]);
}
