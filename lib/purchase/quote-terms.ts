/** What a price is made of, as the database has it now: who asks, the rate, what is left of the limits. Stores nothing. */
import * as z from "zod";
import type { App } from "../app.ts";
import { later, MINUTE_MS, SECOND_MS } from "../clock.ts";
import { millisColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { isLive } from "../env.ts";
import { cents } from "../money.ts";
import { currentRateColumn } from "../rate/current.ts";
import { findDiscount, type DiscountOutcome } from "./promotion.ts";
import { quote, type Order } from "./quote.ts";
import type { DeliverTo, SignedQuote } from "./signed-quote.ts";
import { limitLeftColumn, limitsJson } from "./spending-limits.ts";

/** The database lets a purchase be pinned at a rate that was in force no longer ago than this, and five minutes. */
const lifeMs = 15 * MINUTE_MS;

const termsColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("unauthorised") }),
  z.object({
    kind: z.literal("quotable"),
    accountId: z.string(),
    citizen: z.string(),
    debtMillis: millisColumn,
    rate: currentRateColumn,
    stripeCustomer: z.string().nullable(),
    hasBought: z.boolean(),
    left: z.array(limitLeftColumn),
    pinned: z.boolean(),
  }),
]);

type Quotable = Extract<z.output<typeof termsColumn>, { kind: "quotable" }>;

/** `pinned`: this account has a purchase by that key. */
export async function quoteTerms(
  app: Pick<App, "db" | "env">,
  sessionId: string,
  now: Date,
  idempotencyKey: string | null = null,
) {
  const { terms } = await app.db.one(
    sql`select quote_terms(${now}::timestamptz, ${sessionId}, ${isLive(app.env)}::boolean, ${limitsJson(app.env)}::jsonb,
      ${idempotencyKey}) as terms`,
    z.object({ terms: termsColumn }),
  );
  return terms;
}

/** An order with all that its price depends on. */
export type Wanted = {
  readonly order: Order;
  readonly deliverTo: DeliverTo;
  /** As it was typed. */
  readonly promotionCode: string | undefined;
};

export type Priced =
  { readonly kind: "priced"; readonly quote: SignedQuote } | Exclude<DiscountOutcome, { kind: "granted" }>;

/** The price of an order at these terms, the discount of its code taken off; a quote that nobody has signed yet. @throws Unavailable */
export async function priceOrder(
  app: Pick<App, "promotionCodes" | "newId">,
  { order, deliverTo, promotionCode }: Wanted,
  terms: Quotable,
  now: Date,
): Promise<Priced> {
  const { accountId, citizen, rate } = terms;
  const price = quote(order, rate.microUsdPerDucat);
  const found =
    promotionCode === undefined
      ? null
      : await findDiscount(app.promotionCodes, promotionCode, price.amountCents, terms);
  if (found && found.kind !== "granted") return found;
  const discount = found?.discount ?? null;
  return {
    kind: "priced",
    quote: {
      ...price,
      amountCents: cents(price.amountCents - (discount?.discountCents ?? 0n)),
      discount,
      id: app.newId("quo"),
      ...{ accountId, citizen, deliverTo },
      // To the second, as a token says it.
      expiresAt: new Date(Math.floor(later(now, lifeMs).getTime() / SECOND_MS) * SECOND_MS),
    },
  };
}
