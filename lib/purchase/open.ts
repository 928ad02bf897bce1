/** Opens a purchase: pins it, asks Venice, asks Stripe, stores the session. */
import { createHash } from "node:crypto";
import type { App } from "../app.ts";
import { productId } from "../catalog/packs.ts";
import { HOUR_MS, later } from "../clock.ts";
import { isLive } from "../env.ts";
import { Unavailable } from "../errors.ts";
import { millis, printDucats, wholeDucats, type Millis } from "../money.ts";
import type { SessionRequest } from "../stripe/port.ts";
import { PROCESSOR } from "../venice/port.ts";
import { attachSession, openPurchase, renewAttempt, type PurchaseTerms } from "./pin.ts";
import { orderTerms, type Order } from "./quote.ts";
import { readQuote, type DeliverTo } from "./signed-quote.ts";

/** How long a payment page stays open: above Stripe's 30 minutes, with room for a slow retry. */
const sessionMs = HOUR_MS;

export type OpenRequest = {
  readonly sessionId: string;
  /** A quote says what is bought and where it goes; without one the rate of this moment counts. */
  readonly wish:
    | { readonly kind: "quoted"; readonly quote: string }
    | { readonly kind: "ordered"; readonly order: Order; readonly deliverTo: DeliverTo };
  /** The client's: the same for each retry of one order. */
  readonly idempotencyKey: string;
  /** Where the customer's browser comes back to. */
  readonly origin: string;
};

export type OpenOutcome =
  | {
      readonly kind: "opened";
      readonly purchaseId: string;
      readonly url: string;
      readonly expiresAt: string;
      /** Repaid first by the ducats of this purchase. */
      readonly debtMillis: Millis;
    }
  | { readonly kind: "already_paid" | "processing" | "review"; readonly purchaseId: string }
  | { readonly kind: "reserve_too_low"; readonly freeMillis: Millis }
  | { readonly kind: "key_reused" | "unauthorised" | "unknown_citizen" }
  | { readonly kind: "quote_invalid" | "quote_expired" | "quote_used" | "citizen_changed" }
  /** Its page is over, and the rate has moved since: it cannot be gone on with. */
  | { readonly kind: "price_expired" };

type Ports = Pick<App, "db" | "stripe" | "venice" | "clock" | "newId" | "env">;

/** No money is taken before every check has passed; safe to call again with the same key. @throws Unavailable */
export async function openCheckout(app: Ports, request: OpenRequest): Promise<OpenOutcome> {
  const now = app.clock();
  const wish = await readWish(app, request.wish, now);
  if (!wish) return { kind: "quote_invalid" };
  const pinned = await openPurchase(app.db, {
    at: now,
    id: app.newId("pur"),
    sessionId: request.sessionId,
    idempotencyKey: request.idempotencyKey,
    requestHash: createHash("sha256").update(JSON.stringify(wish.asked)).digest(),
    ...{ deliverTo: wish.deliverTo, terms: wish.terms, quote: wish.quote },
    livemode: isLive(app.env),
    origin: request.origin,
    expiresAt: later(now, sessionMs),
  });
  if (pinned.kind !== "pinned") return pinned;

  const { terms: purchase, promisedMillis, debtMillis } = pinned;
  const known = settledOrPayable(purchase, now, debtMillis);
  if (known) return known;
  const refusal = await askVenice(app, purchase, promisedMillis);
  if (refusal) return refusal;
  return await openSession(app, purchase, request.origin, debtMillis);
}

/** What is to be pinned, and by what a retry is known. Null when it is no quote of ours. */
async function readWish(app: Ports, wish: OpenRequest["wish"], now: Date) {
  if (wish.kind === "ordered") {
    const { order, deliverTo } = wish;
    const asked = { deliverTo, ...orderFields(order) };
    return { asked, deliverTo, terms: orderTerms(order), quote: null };
  }
  const quote = await readQuote(app.env, wish.quote, now);
  return quote && { asked: { quote: quote.id }, deliverTo: quote.deliverTo, terms: quote, quote };
}

/** Two requests may race for the next attempt; one of a few rounds finds what the other has made. */
const rounds = 3;

async function openSession(
  app: Ports,
  first: PurchaseTerms,
  origin: string,
  debtMillis: Millis,
): Promise<OpenOutcome> {
  let purchase = first;
  for (let round = 0; round < rounds; round += 1) {
    const known = settledOrPayable(purchase, app.clock(), debtMillis);
    if (known) return known;
    const session = await currentSession(app, purchase);
    if (session.kind === "open") {
      const status = await attachSession(app.db, {
        at: app.clock(),
        purchase,
        sessionId: session.id,
        url: session.url,
      });
      const attached = settledOrPayable(
        { ...purchase, status, sessionUrl: session.url },
        app.clock(),
        debtMillis,
      );
      if (attached) return attached;
    }
    // This attempt is over: before the next begins, nobody can pay the old session any more.
    if (session.id !== null && (await app.stripe.expireSession(session.id)) === "complete")
      return { kind: "processing", purchaseId: purchase.id };
    const renewed = await renewAttempt(app.db, {
      at: app.clock(),
      purchase,
      origin,
      expiresAt: later(app.clock(), sessionMs),
    });
    if (!renewed) return { kind: "price_expired" };
    purchase = renewed;
  }
  throw new Unavailable("stripe", {
    effect: "none",
    message: `purchase ${first.id} is being opened by other requests`,
  });
}

type CurrentSession =
  | { readonly kind: "open"; readonly id: string; readonly url: string }
  /** Not to be paid any more; an id that is known must still be expired. */
  | { readonly kind: "over"; readonly id: string | null };

/** The attempt's session. One that was made and never stored comes back by its idempotency key. */
async function currentSession(app: Ports, purchase: PurchaseTerms): Promise<CurrentSession> {
  // Stripe itself has ended these; a failed payment's session is complete and cannot be expired.
  if (purchase.status === "expired" || purchase.status === "failed") return { kind: "over", id: null };
  if (purchase.sessionId !== null) return { kind: "over", id: purchase.sessionId };
  const created = await app.stripe.createSession(sessionRequest(purchase));
  if (created.kind === "expiry_passed") return { kind: "over", id: null };
  const { id, url } = created.session;
  return url !== null && new Date(purchase.expiresAt) > app.clock()
    ? { kind: "open", id, url }
    : { kind: "over", id };
}

/** The citizen exists and the processor's free purse covers the order: asked fresh, in one request. */
async function askVenice(
  app: Ports,
  purchase: PurchaseTerms,
  promisedMillis: Millis,
): Promise<OpenOutcome | null> {
  if (purchase.deliverTo === "wallet") return null;
  const purses = await app.venice.purses([purchase.citizen, PROCESSOR]);
  if (!purses.has(purchase.citizen)) return { kind: "unknown_citizen" };
  const free = (purses.get(PROCESSOR) ?? 0n) - promisedMillis;
  if (free < wholeDucats(purchase.totalMillis))
    return { kind: "reserve_too_low", freeMillis: wholeDucats(atLeastZero(free)) };
  return null;
}

function sessionRequest(purchase: PurchaseTerms): SessionRequest {
  const page = `${purchase.origin}/purchase/?id=${purchase.id}`;
  return {
    idempotencyKey: `${purchase.id}-${purchase.attempt}`,
    purchaseId: purchase.id,
    amountCents: purchase.amountCents,
    productId: productId(purchase.pack),
    description: `${printDucats(purchase.totalMillis)} ducats`,
    customerEmail: purchase.email,
    customerId: purchase.stripeCustomer,
    successUrl: page,
    cancelUrl: `${page}&left=1`,
    expiresAt: new Date(purchase.expiresAt),
  };
}

/** What needs no session: a purchase that was paid, or whose payment page is still open. */
function settledOrPayable(
  purchase: Pick<PurchaseTerms, "id" | "expiresAt" | "sessionUrl"> & { readonly status: string },
  now: Date,
  debtMillis: Millis,
): OpenOutcome | null {
  const { id, status, sessionUrl, expiresAt } = purchase;
  if (status === "paid") return { kind: "already_paid", purchaseId: id };
  if (status === "processing" || status === "review") return { kind: status, purchaseId: id };
  if (status === "open" && sessionUrl !== null && new Date(expiresAt) > now)
    return { kind: "opened", purchaseId: id, url: sessionUrl, expiresAt, debtMillis };
  return null;
}

function orderFields(order: Order) {
  return "pack" in order ? { pack: order.pack } : { amountCents: order.amountCents.toString() };
}

function atLeastZero(value: bigint): Millis {
  return millis(value < 0n ? 0n : value);
}
