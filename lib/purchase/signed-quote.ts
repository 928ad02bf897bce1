/** A price that is promised for a quarter of an hour: signed, for one account and its citizen, good for one purchase. */
import * as z from "zod";
import { readTokenOfAnyAge, signToken } from "../account/access-token.ts";
import type { SecretEnv } from "../account/secrets.ts";
import type { App } from "../app.ts";
import { packIds } from "../catalog/packs.ts";
import { later, MINUTE_MS, SECOND_MS } from "../clock.ts";
import { centsColumn, millisColumn, rateColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { millis, type Millis } from "../money.ts";
import { currentRateColumn, type Rate } from "../rate/current.ts";
import { quote, type Order, type Quote } from "./quote.ts";

/** The database lets a purchase be pinned at a rate that was in force no longer ago than this, and five minutes. */
const lifeMs = 15 * MINUTE_MS;

export type DeliverTo = "venice" | "wallet";

/** What a quote's signature holds together. */
export type SignedQuote = Quote & {
  readonly id: string;
  readonly accountId: string;
  readonly citizen: string;
  readonly deliverTo: DeliverTo;
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
    }
  | { readonly kind: "unauthorised" };

const termsColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("unauthorised") }),
  z.object({
    kind: z.literal("quotable"),
    accountId: z.string(),
    citizen: z.string(),
    debtMillis: millisColumn,
    rate: currentRateColumn,
  }),
]);

/** Promises the rate of this moment for an order; nothing is stored. */
export async function takeQuote(
  app: Pick<App, "db" | "env" | "clock" | "newId">,
  sessionId: string,
  order: Order,
  deliverTo: DeliverTo,
): Promise<QuoteOutcome> {
  const now = app.clock();
  const { terms } = await app.db.one(
    sql`select quote_terms(${now}::timestamptz, ${sessionId}) as terms`,
    z.object({ terms: termsColumn }),
  );
  if (terms.kind === "unauthorised") return terms;
  const { accountId, citizen, rate, debtMillis } = terms;
  const signed: SignedQuote = {
    ...quote(order, rate.microUsdPerDucat),
    id: app.newId("quo"),
    ...{ accountId, citizen, deliverTo },
    // To the second, as a token says it.
    expiresAt: new Date(Math.floor(later(now, lifeMs).getTime() / SECOND_MS) * SECOND_MS),
  };
  return {
    kind: "quoted",
    token: await signQuote(app.env, signed, now),
    quote: signed,
    totalMillis: millis(signed.baseMillis + signed.bonusMillis),
    rate,
    expiresInSeconds: Math.floor((signed.expiresAt.getTime() - now.getTime()) / SECOND_MS),
    debtMillis,
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
});

function signQuote(env: SecretEnv, signed: SignedQuote, now: Date): Promise<string> {
  const { id, accountId, expiresAt, ...held } = signed;
  const figures = {
    amountCents: Number(held.amountCents),
    baseMillis: Number(held.baseMillis),
    bonusMillis: Number(held.bonusMillis),
    microUsdPerDucat: Number(held.microUsdPerDucat),
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
