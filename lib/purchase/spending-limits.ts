/** How much may be bought in one payment, a day and a month: the operator's limits, and what they say of an order. */
import * as z from "zod";
import { centsColumn, timeColumn } from "../db/columns.ts";
import type { Env } from "../env.ts";
import { printCents, type Cents } from "../money.ts";

type LimitEnv = Pick<
  Env,
  | "LIMIT_TRANSACTION_CENTS"
  | "LIMIT_ACCOUNT_DAY_CENTS"
  | "LIMIT_ACCOUNT_MONTH_CENTS"
  | "LIMIT_CITIZEN_DAY_CENTS"
  | "LIMIT_CITIZEN_MONTH_CENTS"
>;

/** The limits as the database takes them: JSON with those that are set. */
export function limitsJson(env: LimitEnv): string {
  return JSON.stringify({
    transactionCents: env.LIMIT_TRANSACTION_CENTS,
    accountDayCents: env.LIMIT_ACCOUNT_DAY_CENTS,
    accountMonthCents: env.LIMIT_ACCOUNT_MONTH_CENTS,
    citizenDayCents: env.LIMIT_CITIZEN_DAY_CENTS,
    citizenMonthCents: env.LIMIT_CITIZEN_MONTH_CENTS,
  });
}

const limitNames = ["transaction", "account_day", "account_month", "citizen_day", "citizen_month"] as const;

const limitFields = {
  limit: z.enum(limitNames),
  leftCents: centsColumn,
  /** When a UTC day or month ends; null for one payment's, which no waiting changes. */
  resetsAt: timeColumn.nullable(),
};

export const limitLeftColumn = z.object(limitFields);
export const limitReachedColumn = z.object({ kind: z.literal("limit_reached"), ...limitFields });

/** What is left of one limit. */
export type LimitLeft = z.output<typeof limitLeftColumn>;

/** The tightest limit that an amount would break; `left` comes with the tightest first. */
export function limitHit(left: readonly LimitLeft[], amountCents: Cents): LimitLeft | null {
  return left.find(({ leftCents }) => amountCents > 0n && amountCents > leftCents) ?? null;
}

/** What the buyer can do about it, in a sentence or two. */
export function limitWords({ limit, leftCents, resetsAt }: LimitLeft): string {
  const left = printCents(leftCents);
  if (resetsAt === null) return `One payment may be ${left} at most. Choose less.`;
  const whose = limit.startsWith("citizen") ? "for your citizen" : "from your account";
  const period = limit.endsWith("day") ? "today" : "this month";
  const rest =
    leftCents > 0n ? `${left} more can be paid ${whose} ${period}` : `No more can be paid ${whose} ${period}`;
  return `${rest}; there is new room from ${resetsAt.slice(0, 10)}, 00:00 UTC. Open payment pages count until they end.`;
}
