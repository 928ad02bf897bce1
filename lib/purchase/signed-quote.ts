/** A price that is promised for a quarter of an hour: signed, for one account and its citizen, good for one purchase. */
import * as z from "zod";
import { readTokenOfAnyAge, signToken } from "../account/access-token.ts";
import type { SecretEnv } from "../account/secrets.ts";
import type { App } from "../app.ts";
import { packIds } from "../catalog/packs.ts";
import { SECOND_MS } from "../clock.ts";
import { centsColumn, millisColumn, rateColumn } from "../db/columns.ts";
import { millis, type Millis } from "../money.ts";
import type { Rate } from "../rate/current.ts";
import type { Discount } from "./promotion.ts";
import { priceOrder, quoteTerms, type Priced, type Wanted } from "./quote-terms.ts";
import type { Quote } from "./quote.ts";
import { limitHit, type LimitLeft } from "./spending-limits.ts";

export type DeliverTo = "venice" | "wallet";

/** What a quote's signature holds together. `amountCents`: what is charged, the discount off. */
export type SignedQuote = Quote & {
  readonly id: string;
  readonly accountId: string;
  readonly citizen: string;
  readonly deliverTo: DeliverTo;
  readonly discount: Discount | null;
  readonly expiresAt: Date;
};

export type QuoteOutcome =
  | {
      readonly kind: "quoted";
      /** The signed token. */
      readonly token: string;
      readonly quote: SignedQuote;
      readonly totalMillis: Millis;
      readonly rate: Rate;
      readonly expiresInSeconds: number;
      /** Repaid first by the ducats of the purchase. */
      readonly debtMillis: Millis;
      /** The limit that a checkout would break at this moment; nothing is reserved by a quote. */
      readonly limitReached: LimitLeft | null;
    }
  | { readonly kind: "unauthorised" }
  | Exclude<Priced, { kind: "priced" }>;

/** Promises the rate of this moment for an order; nothing is stored. Stripe is asked for a code only. @throws Unavailable */
export async function takeQuote(
  app: Pick<App, "db" | "promotionCodes" | "env" | "clock" | "newId">,
  sessionId: string,
  wanted: Wanted,
): Promise<QuoteOutcome> {
  const now = app.clock();
  const terms = await quoteTerms(app, sessionId, now);
  if (terms.kind === "unauthorised") return terms;
  const priced = await priceOrder(app, wanted, terms, now);
  if (priced.kind !== "priced") return priced;
  const { quote } = priced;
  return {
    kind: "quoted",
    token: await signQuote(app.env, quote, now),
    quote,
    totalMillis: millis(quote.baseMillis + quote.bonusMillis),
    rate: terms.rate,
    expiresInSeconds: Math.floor((quote.expiresAt.getTime() - now.getTime()) / SECOND_MS),
    debtMillis: terms.debtMillis,
    limitReached: limitHit(terms.left, quote.amountCents),
  };
}

const claimsShape = z.object({
  jti: z.string(),
  sub: z.string(),
  exp: z.int(),
  citizen: z.string(),
  deliverTo: z.enum(["venice", "wallet"]),
  pack: z.enum(packIds).nullable(),
  amountCents: centsColumn,
  baseMillis: millisColumn,
  bonusMillis: millisColumn,
  microUsdPerDucat: rateColumn,
  discount: z
    .object({ promotionCode: z.string(), discountCents: centsColumn, firstPurchaseOnly: z.boolean() })
    .nullable(),
});

function signQuote(env: SecretEnv, signed: SignedQuote, now: Date): Promise<string> {
  const { id, accountId, expiresAt, discount, ...held } = signed;
  const figures = {
    amountCents: Number(held.amountCents),
    baseMillis: Number(held.baseMillis),
    bonusMillis: Number(held.bonusMillis),
    microUsdPerDucat: Number(held.microUsdPerDucat),
    discount: discount && { ...discount, discountCents: Number(discount.discountCents) },
  };
  return signToken(env, "cascade-quote", { jti: id, sub: accountId, ...held, ...figures }, now, expiresAt);
}

/** What the token promises, over or not; null when we have not signed it as a quote. */
export async function readQuote(env: SecretEnv, token: string, now: Date): Promise<SignedQuote | null> {
  const read = await readTokenOfAnyAge(env, "cascade-quote", token, now);
  if (read.kind === "foreign") return null;
  const claims = claimsShape.safeParse(read.claims);
  if (!claims.success) return null;
  const { jti: id, sub: accountId, exp, ...held } = claims.data;
  return { id, accountId, expiresAt: new Date(exp * SECOND_MS), ...held };
}
