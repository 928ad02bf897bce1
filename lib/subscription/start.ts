/** The way to a subscription: begun in the books, a customer, a payment page, one for an account at a time. */
import * as z from "zod";
import type { App } from "../app.ts";
import { intervals, tierIds, tierLookupKey, type Interval, type TierId } from "../catalog/tiers.ts";
import { HOUR_MS, later } from "../clock.ts";
import { timeColumn } from "../db/columns.ts";
import { sql, type Database } from "../db/port.ts";
import { isLive } from "../env.ts";
import { Unavailable } from "../errors.ts";
import type { PageEnd } from "../stripe/billing-port.ts";
import { priceNamed } from "./prices.ts";
import { rereadSubscription } from "./reread.ts";

/** How long a payment page stays open: above Stripe's 30 minutes, with room for a slow retry. */
const pageMs = HOUR_MS;
/** Other requests may end what one has begun; one of a few rounds finds what they have left. */
const rounds = 3;

export type StartRequest = {
  readonly sessionId: string;
  readonly tier: TierId;
  readonly period: Interval;
  /** Where the customer's browser comes back to. */
  readonly origin: string;
};

export type StartOutcome =
  | {
      readonly kind: "opened";
      readonly url: string;
      readonly expiresAt: string;
      readonly trialDays: number;
    }
  /** A page was paid already; its subscription is on its way. */
  | { readonly kind: "processing" }
  /** Another tab has chosen another tier meanwhile, and its page is the one. */
  | { readonly kind: "superseded" }
  | { readonly kind: "already_subscribed" | "unauthorised" };

const startColumn = z.object({
  id: z.string(),
  accountId: z.string(),
  email: z.string(),
  tier: z.enum(tierIds),
  period: z.enum(intervals),
  trialDays: z.int(),
  origin: z.string(),
  expiresAt: timeColumn,
  sessionId: z.string().nullable(),
  sessionUrl: z.string().nullable(),
  stripeCustomer: z.string().nullable(),
});

/** A start as it is pinned: every parameter of its page follows from it. */
type Start = z.output<typeof startColumn>;

const begunColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "already_subscribed"]) }),
  z.object({ kind: z.enum(["open", "begun", "other_open"]), start: startColumn }),
]);

type Ports = Pick<App, "db" | "stripe" | "billing" | "clock" | "newId" | "env">;

/** Safe to be called again after any step, and from several tabs at once: one page at most can be paid. @throws Unavailable */
export async function startSubscription(app: Ports, request: StartRequest): Promise<StartOutcome> {
  for (let round = 0; round < rounds; round += 1) {
    const begun = await begin(app, request);
    if (!("start" in begun)) return begun;
    const { start } = begun;
    if (begun.kind === "open") {
      // It may be paid, or over, and Stripe's word of it on its way.
      const found = await findPage(app, start);
      if (found === "open") return opened(start, start.sessionUrl);
      if (found === "complete") return { kind: "processing" };
      continue;
    }
    if (begun.kind === "other_open") {
      if ((await endOther(app, start)) === "complete") return { kind: "processing" };
      continue;
    }
    const page = await pageOf(app, start);
    if (page === null) {
      await endStart(app.db, start.id, "expired");
      continue;
    }
    const state = await attach(app.db, start.id, page);
    if (state === "open") return opened(start, page.url);
    if (state === "completed") return { kind: "processing" };
    // Somebody has ended this start while its page was made: nobody may pay that page.
    return (await endPage(app, page.sessionId)) === "complete"
      ? { kind: "processing" }
      : { kind: "superseded" };
  }
  throw new Unavailable("stripe", {
    effect: "none",
    message: "the account's subscription is being started by other requests",
  });
}

function opened({ expiresAt, trialDays }: Start, url: string | null): StartOutcome {
  if (url === null) throw new Error("an open payment page has no address");
  return { kind: "opened", url, expiresAt, trialDays };
}

async function begin(app: Ports, { sessionId, tier, period, origin }: StartRequest) {
  const now = app.clock();
  const { begun } = await app.db.one(
    sql`select begin_subscription(${now}::timestamptz, ${sessionId}, ${app.newId("sst")}, ${tier}, ${period},
      ${app.env.TRIAL_DAYS}::int, ${isLive(app.env)}::boolean, ${origin}, ${later(now, pageMs)}::timestamptz) as begun`,
    z.object({ begun: begunColumn }),
  );
  return begun;
}

type Page = { readonly sessionId: string; readonly url: string };

/** The start's page; one that was made and never stored comes back by its key. Null when it can't be made any more. */
async function pageOf(app: Ports, start: Start): Promise<Page | null> {
  const price = await app.billing.findPrice({
    named: priceNamed(app.env, start.tier, start.period),
    lookupKey: tierLookupKey(start.tier, start.period),
  });
  let customer = start.stripeCustomer ?? (await customerOf(app, start, null));
  for (let round = 0; round < rounds; round += 1) {
    const made = await app.billing.openStart({
      // A page of a customer who is gone can't be paid, and his key can't be used for another's.
      idempotencyKey: `${start.id}-${customer}`,
      startId: start.id,
      customer,
      price: price.id,
      trialDays: start.trialDays,
      successUrl: `${start.origin}/account/?subscription=started`,
      cancelUrl: `${start.origin}/account/?subscription=left`,
      expiresAt: new Date(start.expiresAt),
    });
    if (made.kind === "opened" && made.url !== null) return { sessionId: made.sessionId, url: made.url };
    if (made.kind !== "customer_gone") return null;
    customer = await customerOf(app, start, customer);
  }
  throw new Error(`Stripe has none of the customers that it made for start ${start.id}`);
}

/** The account's customer at Stripe: one for all starts, and another one when that is gone. */
async function customerOf(app: Ports, { accountId, email }: Start, gone: string | null): Promise<string> {
  const made = await app.billing.makeCustomer({
    id: accountId,
    email,
    idempotencyKey: `customer-${accountId}${gone === null ? "" : `-${gone}`}`,
  });
  const { customer } = await app.db.one(
    sql`select attach_customer(${accountId}, ${made}, ${isLive(app.env)}::boolean, ${gone}) as customer`,
    z.object({ customer: z.string() }),
  );
  return customer;
}

/** Ends another start, so that its page can't be paid any more, whoever has it. */
async function endOther(app: Ports, start: Start): Promise<"expired" | "complete"> {
  // One that has no page yet may be on its way to it: made here by the same key, it is the one that is ended.
  const sessionId = start.sessionId ?? (await pageOf(app, start))?.sessionId;
  const end = sessionId === undefined ? "expired" : await endPage(app, sessionId, start.id);
  if (end === "expired") await endStart(app.db, start.id, "expired");
  return end;
}

/** @param startId is completed with its page, once the books know the subscription: in between there would be room for a second. */
async function endPage(app: Ports, sessionId: string, startId?: string): Promise<"expired" | "complete"> {
  return await ended(app, await app.billing.endStart(sessionId), startId);
}

async function findPage(app: Ports, { id, sessionId }: Start): Promise<"open" | "expired" | "complete"> {
  if (sessionId === null) throw new Error("an open payment page has no session");
  const found = await app.billing.readStart(sessionId);
  if (found.kind === "open") return "open";
  const end = await ended(app, found, id);
  if (end === "expired") await endStart(app.db, id, "expired");
  return end;
}

async function ended(app: Ports, end: PageEnd, startId?: string): Promise<"expired" | "complete"> {
  if (end.kind === "expired") return "expired";
  if (end.subscription !== null) {
    await rereadSubscription(app, end.subscription);
    if (startId !== undefined) await endStart(app.db, startId, "completed");
  }
  return "complete";
}

async function attach(db: Database, id: string, { sessionId, url }: Page): Promise<string> {
  const { state } = await db.one(
    sql`select attach_start_session(${id}, ${sessionId}, ${url}) as state`,
    z.object({ state: z.enum(["open", "completed", "expired"]) }),
  );
  return state;
}

async function endStart(db: Database, id: string, state: "completed" | "expired"): Promise<void> {
  await db.query(sql`select end_start(${id}, ${state})`, z.unknown());
}
