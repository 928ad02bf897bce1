/** What a checkout is asked for, and all that is to be pinned of it. */
import type { App } from "../app.ts";
import type { DiscountOutcome } from "./promotion.ts";
import { priceOrder, quoteTerms, type Wanted } from "./quote-terms.ts";
import { orderTerms, type Order, type OrderTerms } from "./quote.ts";
import { readQuote, type DeliverTo, type SignedQuote } from "./signed-quote.ts";

/** A quote says what is bought and where it goes; without one the rate of this moment counts. */
export type Wish =
  { readonly kind: "quoted"; readonly quote: string } | ({ readonly kind: "ordered" } & Wanted);

export type ReadWish =
  | {
      readonly kind: "read";
      /** By what a retry is known. */
      readonly asked: object;
      readonly deliverTo: DeliverTo;
      readonly terms: OrderTerms;
      readonly quote: SignedQuote | null;
    }
  | { readonly kind: "quote_invalid" | "unauthorised" }
  | Exclude<DiscountOutcome, { kind: "granted" }>;

type Asking = { readonly sessionId: string; readonly idempotencyKey: string; readonly wish: Wish };

/** An order with a code is priced as a quote would be; one that is pinned already asks nothing of its code. @throws Unavailable */
export async function readWish(
  app: Pick<App, "db" | "promotionCodes" | "env" | "newId">,
  { sessionId, idempotencyKey, wish }: Asking,
  now: Date,
): Promise<ReadWish> {
  if (wish.kind === "quoted") {
    const quote = await readQuote(app.env, wish.quote, now);
    if (!quote) return { kind: "quote_invalid" };
    return { kind: "read", asked: { quote: quote.id }, deliverTo: quote.deliverTo, terms: quote, quote };
  }
  const { order, deliverTo, promotionCode } = wish;
  const plain = { kind: "read", deliverTo, terms: orderTerms(order), quote: null } as const;
  const asked = { deliverTo, ...orderFields(order) };
  if (promotionCode === undefined) return { ...plain, asked };
  const askedWithCode = { ...asked, promotionCode: promotionCode.toLowerCase() };
  const pinned = { ...plain, asked: askedWithCode };
  const terms = await quoteTerms(app, sessionId, now, idempotencyKey);
  if (terms.kind === "unauthorised") return terms;
  if (terms.pinned) return pinned;
  const priced = await priceOrder(app, wish, terms, now);
  if (priced.kind !== "priced") {
    // Another request of this very order, pinned meanwhile, may be who used the code up.
    const since = await quoteTerms(app, sessionId, now, idempotencyKey);
    return since.kind === "quotable" && since.pinned ? pinned : priced;
  }
  return { kind: "read", asked: askedWithCode, deliverTo, terms: priced.quote, quote: priced.quote };
}

function orderFields(order: Order) {
  return "pack" in order ? { pack: order.pack } : { amountCents: order.amountCents.toString() };
}
