/** A subscription as Stripe has it now: the newest read counts, whatever event asked for it. */
import * as z from "zod";
import type { App } from "../app.ts";
import { tiers } from "../catalog/tiers.ts";
import { sql } from "../db/port.ts";
import { isLive } from "../env.ts";
import type { InvoiceRead, SubscriptionRead } from "../stripe/port.ts";
import { tierOfPrice, type PriceEnv } from "./prices.ts";

/** What a month of each tier grants, as the books take it. */
const grants = Object.fromEntries(
  tiers.map((tier) => [tier.id, { grantMillis: Number(tier.grantMillisPerMonth) }]),
);
export const grantsJson = JSON.stringify(grants);

/** What the books keep of a read; of two the one whose ticket was taken later counts. Null when Stripe doesn't have it. @throws Unavailable */
export async function readSubscription(
  app: Pick<App, "db" | "stripe" | "env">,
  id: string,
): Promise<object | null> {
  const { ticket } = await app.db.one(
    sql`select take_subscription_ticket() as ticket`,
    z.object({ ticket: z.string() }),
  );
  const read = await app.stripe.readSubscription(id);
  return read && { ticket, ...kept(app.env, read), catalog: grants };
}

/** Reads it and keeps what was read, without an event; one that Stripe doesn't have is told to the operator. @throws Unavailable */
export async function rereadSubscription(
  app: Pick<App, "db" | "stripe" | "env" | "clock">,
  id: string,
): Promise<void> {
  const read = await readSubscription(app, id);
  await app.db.query(
    read
      ? sql`select save_subscription_read(${app.clock()}::timestamptz, ${JSON.stringify(read)}::jsonb)`
      : sql`select subscription_missing(${app.clock()}::timestamptz, ${id}, ${isLive(app.env)}::boolean)`,
    z.unknown(),
  );
}

function kept(env: PriceEnv, { price, interval, next, invoices, ...read }: SubscriptionRead): object {
  return {
    ...read,
    price: price.id,
    tier: tierOfPrice(env, price),
    period: interval,
    nextTier: next && tierOfPrice(env, next.price),
    nextPeriod: next?.interval ?? null,
    nextAt: next?.at ?? null,
    invoices: invoices.map((invoice) => keptInvoice(env, invoice)),
  };
}

function keptInvoice(env: PriceEnv, { line, ...invoice }: InvoiceRead): object {
  return {
    ...invoice,
    price: line && line.price.id,
    tier: line && tierOfPrice(env, line.price),
    periodStart: line?.start ?? null,
    periodEnd: line?.end ?? null,
    isFree: line?.amountCents === 0,
  };
}
