/** The purchase's row: what was agreed before Stripe was asked, and the attempts to have it paid. */
import * as z from "zod";
import { packIds } from "../catalog/packs.ts";
import { centsColumn, millisColumn, timeColumn } from "../db/columns.ts";
import { sql, type Database } from "../db/port.ts";
import type { OrderTerms } from "./quote.ts";
import type { DeliverTo, SignedQuote } from "./signed-quote.ts";
import { limitReachedColumn } from "./spending-limits.ts";

const purchaseStatus = z.enum(["draft", "open", "processing", "paid", "expired", "failed", "review"]);

const termsColumn = z.object({
  id: z.string(),
  accountId: z.string(),
  citizen: z.string(),
  deliverTo: z.enum(["venice", "wallet"]),
  pack: z.enum(packIds).nullable(),
  amountCents: centsColumn,
  discountCents: centsColumn,
  promotionCode: z.string().nullable(),
  totalMillis: millisColumn,
  status: purchaseStatus,
  attempt: z.int(),
  origin: z.string(),
  email: z.string(),
  stripeCustomer: z.string().nullable(),
  expiresAt: timeColumn,
  sessionId: z.string().nullable(),
  sessionUrl: z.string().nullable(),
});

/** A purchase with its current attempt: every parameter of its session follows from it. */
export type PurchaseTerms = z.output<typeof termsColumn>;

const pinColumn = z.discriminatedUnion("kind", [
  z.object({
    kind: z.enum([
      "unauthorised",
      "key_reused",
      "quote_invalid",
      "quote_expired",
      "quote_used",
      "citizen_changed",
      "promotion_first_purchase_only",
    ]),
  }),
  limitReachedColumn,
  z.object({
    kind: z.literal("pinned"),
    terms: termsColumn,
    promisedMillis: millisColumn,
    debtMillis: millisColumn,
  }),
]);

export type PurchaseToPin = {
  readonly at: Date;
  readonly id: string;
  readonly sessionId: string;
  readonly idempotencyKey: string;
  readonly requestHash: Uint8Array;
  readonly deliverTo: DeliverTo;
  /** Without a quote the database reckons at the rate in force. */
  readonly terms: OrderTerms;
  readonly quote: SignedQuote | null;
  readonly livemode: boolean;
  readonly origin: string;
  readonly expiresAt: Date;
  /** JSON, as limitsJson makes it. */
  readonly limits: string;
};

/** Pins a purchase and takes its room within the limits, or finds the one that this account pinned with this key before. */
export async function openPurchase(db: Database, purchase: PurchaseToPin) {
  const { terms, quote } = purchase;
  const quoted = quote && {
    ...{ id: quote.id, accountId: quote.accountId, citizen: quote.citizen, expiresAt: quote.expiresAt },
    microUsdPerDucat: Number(quote.microUsdPerDucat),
    ...(quote.discount && { ...quote.discount, discountCents: Number(quote.discount.discountCents) }),
  };
  const { pinned } = await db.one(
    sql`select open_purchase(${purchase.at}::timestamptz, ${purchase.id}, ${purchase.sessionId},
      ${purchase.idempotencyKey}, ${purchase.requestHash}::bytea, ${purchase.deliverTo}, ${terms.pack},
      ${terms.amountCents}::bigint, ${terms.baseMillis}::bigint, ${terms.bonusMillis}::bigint,
      ${quoted && JSON.stringify(quoted)}::jsonb, ${purchase.livemode}::boolean, ${purchase.origin},
      ${purchase.expiresAt}::timestamptz, ${purchase.limits}::jsonb) as pinned`,
    z.object({ pinned: pinColumn }),
  );
  return pinned;
}

type Renewal = {
  readonly at: Date;
  readonly purchase: PurchaseTerms;
  readonly origin: string;
  readonly expiresAt: Date;
  readonly limits: string;
  /** Of the last attempt, where Stripe doesn't have it any more: forgotten. */
  readonly goneCustomer: string | null;
};

const renewedColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("renewed"), terms: termsColumn }),
  z.object({ kind: z.enum(["price_expired", "promotion_first_purchase_only"]) }),
  limitReachedColumn,
]);

/** Begins the next attempt unless somebody else has; the terms afterwards. `price_expired`: its rate is over, and so is its price. */
export async function renewAttempt(
  db: Database,
  { at, purchase, origin, expiresAt, limits, goneCustomer }: Renewal,
): Promise<z.output<typeof renewedColumn>> {
  const { renewed } = await db.one(
    sql`select renew_attempt(${at}::timestamptz, ${purchase.id}, ${purchase.attempt}::int, ${origin},
      ${expiresAt}::timestamptz, ${limits}::jsonb, ${goneCustomer}) as renewed`,
    z.object({ renewed: renewedColumn }),
  );
  return renewed;
}

/** Gives the room within the limits back that an attempt took which was refused; a page that somebody has keeps its own. */
export async function releasePurchase(db: Database, at: Date, purchase: PurchaseTerms): Promise<void> {
  await db.query(
    sql`select release_purchase(${at}::timestamptz, ${purchase.id}, ${purchase.attempt}::int)`,
    z.unknown(),
  );
}

type Attachment = {
  readonly at: Date;
  readonly purchase: PurchaseTerms;
  readonly sessionId: string;
  readonly url: string;
};

/** Stores the attempt's session; the purchase's status, or `superseded`: a newer attempt began, or this one was refused meanwhile. */
export async function attachSession(db: Database, { at, purchase, sessionId, url }: Attachment) {
  const { status } = await db.one(
    sql`select attach_session(${at}::timestamptz, ${purchase.id}, ${purchase.attempt}::int, ${sessionId}, ${url})
      as status`,
    z.object({ status: z.union([purchaseStatus, z.literal("superseded")]) }),
  );
  return status;
}
