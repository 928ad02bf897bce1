/** Opens a purchase: pins it, asks Venice, asks Stripe, stores the session. */
import { createHash } from "node:crypto";
import type { App } from "../app.ts";
import { productId } from "../catalog/packs.ts";
import { HOUR_MS, later } from "../clock.ts";
import { isLive } from "../env.ts";
import { Unavailable } from "../errors.ts";
import { millis, printDucats, wholeDucats, type Millis } from "../money.ts";
import { openAlert } from "../operations/alerts.ts";
import type { PromotionRefusal, SessionRequest } from "../stripe/port.ts";
import { PROCESSOR } from "../processor.ts";
import { attachSession, openPurchase, releasePurchase, renewAttempt, type PurchaseTerms } from "./pin.ts";
import type { DiscountOutcome } from "./promotion.ts";
import { limitsJson, type LimitLeft } from "./spending-limits.ts";
import { readWish, type Wish } from "./wish.ts";

/** How long a payment page stays open: above Stripe's 30 minutes, with room for a slow retry. */
const sessionMs = HOUR_MS;

export type OpenRequest = {
  readonly sessionId: string;
  readonly wish: Wish;
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
  | { readonly kind: "price_expired" }
  | ({ readonly kind: "limit_reached" } & LimitLeft)
  | Exclude<DiscountOutcome, { kind: "granted" }>
  /** Stripe reckons another amount than was pinned: nobody can pay it. */
  | { readonly kind: "price_mismatch"; readonly withCode: boolean };

type Ports = Pick<App, "db" | "stripe" | "promotionCodes" | "venice" | "clock" | "newId" | "env">;

/** No money is taken before every check has passed; safe to call again with the same key. @throws Unavailable */
export async function openCheckout(app: Ports, request: OpenRequest): Promise<OpenOutcome> {
  const now = app.clock();
  const wish = await readWish(app, request, now);
  if (wish.kind !== "read") return wish;
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
    limits: limitsJson(app.env),
  });
  if (pinned.kind !== "pinned") return pinned;

  const { terms: purchase, promisedMillis, debtMillis } = pinned;
  const known = settledOrPayable(purchase, now, debtMillis);
  if (known) return known;
  const refusal = await askVenice(app, purchase, promisedMillis);
  if (refusal) return await refused(app, purchase, refusal);
  return await openSession(app, purchase, request.origin, debtMillis);
}

/** An order that comes to nothing takes no room within the limits. */
async function refused(app: Ports, purchase: PurchaseTerms, refusal: OpenOutcome): Promise<OpenOutcome> {
  await releasePurchase(app.db, app.clock(), purchase);
  return refusal;
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
    if (session.kind === "promotion_refused") return await refused(app, purchase, notTaken(session.reason));
    if (session.kind === "mismatch") return await mismatched(app, purchase, session.id);
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
      limits: limitsJson(app.env),
      goneCustomer: session.kind === "customer_gone" ? purchase.stripeCustomer : null,
    });
    if (renewed.kind !== "renewed") return renewed;
    purchase = renewed.terms;
  }
  throw new Unavailable("stripe", {
    effect: "none",
    message: `purchase ${first.id} is being opened by other requests`,
  });
}

type CurrentSession =
  | { readonly kind: "open"; readonly id: string; readonly url: string }
  /** Not to be paid any more; an id that is known must still be expired. */
  | { readonly kind: "over"; readonly id: string | null }
  /** There is none: the next attempt does without this customer. */
  | { readonly kind: "customer_gone"; readonly id: null }
  /** Open, and for another amount than was pinned. */
  | { readonly kind: "mismatch"; readonly id: string }
  | { readonly kind: "promotion_refused"; readonly reason: PromotionRefusal };

/** Ends a session whose amount is not ours, and tells the operator: what Stripe reckons otherwise than we do is not sold. */
async function mismatched(app: Ports, purchase: PurchaseTerms, sessionId: string): Promise<OpenOutcome> {
  if ((await app.stripe.expireSession(sessionId)) === "complete")
    return { kind: "processing", purchaseId: purchase.id };
  const { id, promotionCode } = purchase;
  const by =
    promotionCode === null ? "" : ` by promotion code ${promotionCode}: look at its coupon in Stripe`;
  await openAlert(app, {
    kind: "price_mismatch",
    subject: promotionCode ?? id,
    message: `Stripe reckoned another amount than ours for purchase ${id}${by}. The order was refused, nothing was charged.`,
  });
  return await refused(app, purchase, { kind: "price_mismatch", withCode: promotionCode !== null });
}

/** Stripe did not take the code, though we would have. */
function notTaken(reason: PromotionRefusal): OpenOutcome {
  return reason === "promotion_below_minimum" ? { kind: reason, minimumCents: null } : { kind: reason };
}

/** The attempt's session. One that was made and never stored comes back by its idempotency key. */
async function currentSession(app: Ports, purchase: PurchaseTerms): Promise<CurrentSession> {
  // Stripe itself has ended these; a failed payment's session is complete and cannot be expired.
  if (purchase.status === "expired" || purchase.status === "failed") return { kind: "over", id: null };
  if (purchase.sessionId !== null) return { kind: "over", id: purchase.sessionId };
  const created = await app.stripe.createSession(sessionRequest(purchase));
  if (created.kind === "expiry_passed") return { kind: "over", id: null };
  if (created.kind === "customer_gone") return { ...created, id: null };
  if (created.kind === "promotion_refused") return created;
  const { id, url, amountCents } = created.session;
  if (amountCents === null || BigInt(amountCents) !== purchase.amountCents) return { kind: "mismatch", id };
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
    discountCents: purchase.discountCents,
    promotionCode: purchase.promotionCode,
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

function atLeastZero(value: bigint): Millis {
  return millis(value < 0n ? 0n : value);
}
