/** Stripe's balance transactions: each is kept once, and its fee or payout posted, which no event says. */
import * as z from "zod";
import type { App } from "../app.ts";
import { later, SECOND_MS } from "../clock.ts";
import { sql } from "../db/port.ts";
import { spanToRead, timeOf } from "./cursor.ts";
import { walk } from "./walk.ts";

const postingsPerRun = 1_000;

/**
 * How many transactions are new, and how many were posted: fees of payments that the books have, payouts. What they do not
 * explain stays unposted, under one alert. @throws Unavailable
 */
export async function keepBalance(
  app: Pick<App, "db" | "stripeHistory" | "clock">,
  hasTime: () => boolean,
): Promise<{ readonly kept: number; readonly posted: number }> {
  let kept = 0;
  const span = await spanToRead(app, "balance", later(app.clock(), SECOND_MS));
  if (span)
    await walk({
      span,
      hasTime,
      page: (piece, after) => app.stripeHistory.balance(piece, after),
      async take(transactions, to) {
        const rows = transactions.map(({ created, ...transaction }) => ({
          ...transaction,
          createdAt: timeOf(created),
        }));
        const { added } = await app.db.one(
          sql`select keep_stripe_balance(${app.clock()}::timestamptz, ${JSON.stringify(rows)}::jsonb,
            ${timeOf(to)}::timestamptz) as added`,
          z.object({ added: z.int() }),
        );
        kept += added;
      },
    });
  const { posted } = await app.db.one(
    sql`select post_stripe_balance(${app.clock()}::timestamptz, ${postingsPerRun}::int) as posted`,
    z.object({ posted: z.int() }),
  );
  return { kept, posted };
}
