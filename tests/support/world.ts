/** The whole outside of the functions, real parts and strict stand-ins, for one test file. */
import StripeSdk from "stripe";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { startAirtable, type Airtable, type AirtableOptions } from "../../dev/airtable/start.ts";
import { startMailbox, type Mailbox } from "../../dev/mailbox/start.ts";
import { startGateway, type Gateway } from "../../dev/postgres/gateway.ts";
import { startStripe, type StripeStandIn } from "../../dev/stripe/start.ts";
import { startVenice, type VeniceApi } from "../../dev/venice/start.ts";
import { startUpstash, type Upstash } from "../../dev/upstash/start.ts";
import { apply, read } from "../../cli/stripe/apply.ts";
import { plan, wanted } from "../../cli/stripe/plan.ts";
import * as z from "zod";
import { mailedToken, newMailedToken } from "../../lib/account/mailed-token.ts";
import { hashPassword } from "../../lib/account/password.ts";
import { newSession, tokensOf } from "../../lib/account/sessions.ts";
import { verifyEmail } from "../../lib/account/verify-email.ts";
import { openApp, type App } from "../../lib/app.ts";
import { db } from "../../lib/db/open.ts";
import { sql } from "../../lib/db/port.ts";
import { sendLetters } from "../../lib/letters/send.ts";
import { mail } from "../../lib/mail/open.ts";
import { game } from "../../lib/game/open.ts";
import { consciousness, limiter } from "../../lib/redis/open.ts";
import { billing, promotionCodes, stripe, stripeHistory, stripeLists } from "../../lib/stripe/open.ts";
import { town } from "../../lib/town/open.ts";
import { venice } from "../../lib/venice/open.ts";
import { openingRate } from "../../lib/rate/target.ts";
import { call, site, type Called } from "./call.ts";
import { createDatabase, type TestDatabase } from "./database.ts";

const webhookSecret = "whsec_test_secret";
const stripeKey = "sk_test_cascade";

export type World = {
  readonly database: TestDatabase;
  readonly gateway: Gateway;
  readonly upstash: Upstash;
  readonly stripe: StripeStandIn;
  readonly airtable: Airtable;
  readonly venice: VeniceApi;
  readonly mailbox: Mailbox;
};

/** Boots the world before the file's tests, clears faults, limits and request logs before each. */
export function useWorld(
  variables: Readonly<Record<string, string>> = {},
  airtable: AirtableOptions = { requestsPerSecond: 100_000 },
): World {
  const world: { -readonly [Part in keyof World]?: World[Part] } = {};
  beforeAll(async () => {
    world.database = await createDatabase();
    world.gateway = await startGateway();
    world.upstash = await startUpstash();
    world.airtable = await startAirtable(airtable);
    world.venice = await startVenice({ airtable: world.airtable });
    world.mailbox = await startMailbox({ apiKey: "re_test", requestsPerSecond: 1_000 });
    world.stripe = await startStripe({ apiKey: stripeKey, retryDelaysMs: [] });
    Object.assign(process.env, {
      URL: site,
      DATABASE_URL: world.database.appUrl,
      NEON_FETCH_ENDPOINT: `${world.gateway.url}/sql`,
      STRIPE_SECRET_KEY: stripeKey,
      STRIPE_WEBHOOK_SECRET: webhookSecret,
      STRIPE_API_BASE: world.stripe.url,
      AIRTABLE_API_KEY: world.airtable.apiKey,
      AIRTABLE_BASE_ID: world.airtable.baseId,
      AIRTABLE_ENDPOINT_URL: world.airtable.url,
      AIRTABLE_REQUESTS_PER_SECOND: "100000",
      VENICE_API_URL: world.venice.apiUrl,
      UPSTASH_REDIS_REST_URL: world.upstash.url,
      UPSTASH_REDIS_REST_TOKEN: world.upstash.token,
      // The stand-in shares its processor with the test: its slowness is no outage.
      REDIS_TIMEOUT_MS: "10000",
      JWT_SECRET_KEY: "a secret of thirty-two characters or more",
      RESEND_API_KEY: "re_test",
      MAIL_API_BASE: world.mailbox.url,
      MAIL_FROM: "cascade@example.com",
      OPERATOR_EMAIL: "operator@example.com",
      ...variables,
    });
    const sdk = new StripeSdk(stripeKey, world.stripe.sdkConfig);
    const want = wanted(openingRate, StripeSdk.API_VERSION, null);
    await apply(sdk, plan(want, await read(sdk, want)), () => undefined);
  });
  beforeEach(async () => {
    for (const part of [world.gateway, world.upstash, world.airtable, world.stripe, world.mailbox]) {
      part?.faults.clear();
      part?.faults.forget();
    }
    await world.upstash?.clear();
    world.venice?.mend();
  });
  afterAll(async () => {
    for (const part of [
      world.stripe,
      world.venice,
      world.airtable,
      world.mailbox,
      world.upstash,
      world.gateway,
    ])
      await part?.close();
    await world.database?.drop();
  });
  return new Proxy({} as World, {
    get(_, part) {
      const found: unknown = Reflect.get(world, part);
      if (found === undefined) throw new Error(`the world has no ${String(part)} yet`);
      return found;
    },
  });
}

/** An app like a request's, with a clock that the test moves. */
export function appAt(clock: { now: Date }): App {
  const openers = {
    db,
    stripe,
    billing,
    stripeHistory,
    stripeLists,
    promotionCodes,
    venice,
    game,
    town,
    limiter,
    consciousness,
    mail,
  };
  return openApp(openers, "{}", () => clock.now);
}

export type Customer = {
  readonly id: string;
  readonly email: string;
  readonly citizen: string;
  readonly token: string;
};

/** Airtable's half a minute after a 429 is over. */
export async function endPenalty(world: World): Promise<void> {
  await world.upstash.clear();
  await world.database.rows("update pace set next_at = '-infinity'");
}

let customers = 0;

/** Everybody's. */
export const password = "correct horse battery";
let passwordHash: Promise<string> | undefined;

/**
 * A signed-in customer with a verified e-mail, made by the capabilities behind the doors: a thousand tests need one, and
 * the doors themselves have tests of their own.
 */
export async function newCustomer(citizen = "RialtoBanker"): Promise<Customer> {
  customers += 1;
  const email = `customer${customers}@example.com`;
  const app = openApp({ db, mail });
  const id = app.newId("acc");
  const link = newMailedToken(app);
  const session = newSession(app);
  const token = { id: link.id, hash: Buffer.from(link.hash).toString("hex"), expiresAt: "2100-01-01" };
  const hash = await (passwordHash ??= hashPassword(password));
  const now = app.clock();
  await app.db.query(
    sql`select sign_up(${now}::timestamptz, '{}', ${id}, ${email}, ${hash}, ${citizen}, ${JSON.stringify(token)}::jsonb)`,
    z.unknown(),
  );
  await sendLetters(app);
  await verifyEmail(app, mailedToken(app.env, link.id));
  await app.db.query(
    sql`select complete_sign_in(${now}::timestamptz, '{}', ${id}, ${hash}, null, ${session.row}::jsonb)`,
    z.unknown(),
  );
  const { accessToken } = await tokensOf(app, { sessionId: session.id, accountId: id }, session.refreshToken);
  return { id, email, citizen, token: accessToken };
}

/** The customer with a fresh access token: for tests that move the clock. */
export async function signInAgain(customer: Customer): Promise<Customer> {
  const json = { email: customer.email, password, bearer: true };
  const signedIn = await call("login", { json, ip: "198.51.99.1" });
  return { ...customer, token: signedIn.body.tokens.accessToken };
}

/** An account nobody has verified or signed in to. */
export async function openAccount(citizen = "RialtoBanker") {
  customers += 1;
  const email = `customer${customers}@example.com`;
  const ip = `198.51.${100 + Math.floor(customers / 250)}.${customers % 250}`;
  const signedUp = await call("signup", { json: { email, password, citizen }, ip });
  if (signedUp.status !== 201) throw new Error(`sign-up: ${signedUp.text}`);
  return { email, ip, signedUp };
}

/** The token of the last link that was mailed to an address. */
export async function mailedLink(email: string): Promise<string> {
  const answer = await fetch(
    `${process.env["MAIL_API_BASE"]}/_control/messages?to=${encodeURIComponent(email)}`,
  );
  const messages = (await answer.json()) as { text: string }[];
  const link = messages
    .toReversed()
    .map(({ text }) => /\/#([\w.~-]+)/.exec(text)?.[1])
    .find((token) => token !== undefined);
  if (link === undefined) throw new Error(`no link was mailed to ${email}`);
  return link;
}

let orders = 0;

export type CheckoutInput = {
  readonly pack?: string;
  readonly amountCents?: number;
  readonly deliverTo?: string;
  readonly promotionCode?: string;
};

export function checkout(customer: Customer, input: CheckoutInput, key?: string): Promise<Called> {
  orders += 1;
  return call("create-checkout", {
    json: input,
    token: customer.token,
    headers: { "idempotency-key": key ?? `order-${orders}` },
  });
}

/** A Stripe event as it would be delivered, signed with the endpoint's secret. */
export function deliver(event: object, at = new Date()): Promise<Called> {
  const body = JSON.stringify(event);
  const timestamp = Math.floor(at.getTime() / 1000);
  const signature = StripeSdk.webhooks.generateTestHeaderString({
    payload: body,
    secret: webhookSecret,
    timestamp,
  });
  return call("stripe-webhook", {
    body,
    headers: { "stripe-signature": signature, "content-type": "application/json" },
  });
}

export type StripeEvent = ReturnType<StripeStandIn["world"]["events"]["oldestFirst"]>[number];

/** The stand-in's events of a type about one checkout session's purchase, oldest first. */
export function eventsOf(world: World, purchaseId: string, ...types: string[]): StripeEvent[] {
  return world.stripe.world.events
    .oldestFirst()
    .filter((event) => types.includes(event.type) && JSON.stringify(event.data.object).includes(purchaseId));
}

/** An opened, unpaid purchase. */
export async function openPurchase(customer: Customer, input: CheckoutInput = { pack: "starter" }) {
  const opened = await checkout(customer, input);
  if (opened.status !== 201) throw new Error(`checkout: ${opened.text}`);
  const purchaseId: string = opened.body.purchaseId;
  const sessionId = /cs_[A-Za-z0-9_]+/.exec(opened.body.url)?.[0] ?? "";
  return { purchaseId, sessionId };
}

/** A purchase that Stripe has been paid for; its events are not delivered yet. */
export async function paidPurchase(world: World, customer: Customer, input?: CheckoutInput, card?: string) {
  const opened = await openPurchase(customer, input);
  world.stripe.pay(opened.sessionId, card === undefined ? {} : { card });
  const [completed] = eventsOf(world, opened.purchaseId, "checkout.session.completed");
  const [succeeded] = eventsOf(world, opened.purchaseId, "payment_intent.succeeded");
  if (!completed || !succeeded) throw new Error("the stand-in announced no payment");
  return { ...opened, completed, succeeded };
}

export async function statusOf(customer: Customer) {
  return (await call("credit-status", { token: customer.token })).body;
}

/** What must hold after anything: each currency sums to zero and every balance is the sum of its entries. */
export async function booksBalance(world: World): Promise<void> {
  const sums = await world.database.rows<{ currency: string; sum: string }>(
    "select currency, sum(amount)::text as sum from trial_balance group by currency having sum(amount) <> 0",
  );
  const differences = await world.database.rows("select * from balance_differences");
  if (sums.length > 0 || differences.length > 0)
    throw new Error(`the books don't balance: ${JSON.stringify({ sums, differences })}`);
}
