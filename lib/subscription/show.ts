/** What a signed-in customer is shown of his tier: what he has, until when, what it comes to next. */
import * as z from "zod";
import type { App } from "../app.ts";
import { intervals, tierIds, tierOf, type Tier } from "../catalog/tiers.ts";
import { centsColumn, timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { isLive } from "../env.ts";
import { messageOf, Unavailable } from "../errors.ts";
import { cents, type Cents } from "../money.ts";
import { states } from "./rules.ts";

const tierColumn = z.enum(tierIds);
const periodColumn = z.enum(intervals);

const shownColumn = z.object({
  kind: z.literal("shown"),
  accountId: z.string(),
  tier: tierColumn,
  state: z.enum(states),
  until: timeColumn.nullable(),
  month: z.object({ start: timeColumn, end: timeColumn }),
  /** At Stripe, in the mode that the site is in. */
  customer: z.string().nullable(),
  trialUsed: z.boolean(),
  subscription: z
    .object({
      id: z.string(),
      status: z.string(),
      /** Null for a price that is none of ours. */
      tier: tierColumn.nullable(),
      period: periodColumn.nullable(),
      periodStart: timeColumn,
      periodEnd: timeColumn,
      trialEnd: timeColumn.nullable(),
      cancelAt: timeColumn.nullable(),
      endedAt: timeColumn.nullable(),
      paused: z.boolean(),
      next: z
        .object({ tier: tierColumn.nullable(), period: periodColumn.nullable(), at: timeColumn })
        .nullable(),
      openInvoice: z.object({ id: z.string(), dueCents: centsColumn, needsAction: z.boolean() }).nullable(),
    })
    .nullable(),
});

export type Standing = z.output<typeof shownColumn>;

/** Null when the session has ended. By the database alone. */
export async function readStanding(
  app: Pick<App, "db" | "clock" | "env">,
  sessionId: string,
): Promise<Standing | null> {
  const { shown } = await app.db.one(
    sql`select show_subscription(${app.clock()}::timestamptz, ${sessionId}, ${isLive(app.env)}::boolean) as shown`,
    z.object({
      shown: z.discriminatedUnion("kind", [z.object({ kind: z.literal("unauthorised") }), shownColumn]),
    }),
  );
  return shown.kind === "shown" ? shown : null;
}

/** The subscription of it that is alive at Stripe. */
export function aliveIn({ subscription }: Standing): NonNullable<Standing["subscription"]> | null {
  return subscription && !["canceled", "incomplete_expired"].includes(subscription.status)
    ? subscription
    : null;
}

export type Shown = Standing & {
  readonly allowed: Tier;
  /** What a start would give now. */
  readonly trialDays: number;
  readonly openInvoicePage: string | null;
  /** Null as well while an invoice is open, and while Stripe is away. */
  readonly nextInvoice: { readonly dueCents: Cents; readonly at: string } | null;
};

/** Null when the session has ended. One question to the database and at most one to Stripe, without which the rest is shown. */
export async function showSubscription(
  app: Pick<App, "db" | "billing" | "clock" | "env" | "log">,
  sessionId: string,
  mayAskStripe: () => Promise<boolean> = () => Promise.resolve(true),
): Promise<Shown | null> {
  const standing = await readStanding(app, sessionId);
  if (!standing) return null;
  const alive = aliveIn(standing);
  const open = alive?.openInvoice ?? null;
  // What isn't collected brings no invoice to pay.
  const isDue = alive !== null && !alive.paused && open === null;
  const isAsked = (open !== null || isDue) && (await mayAskStripe());
  const [openInvoicePage, nextInvoice] = await Promise.all([
    isAsked && open ? orNull(app, () => app.billing.invoicePage(open.id)) : null,
    isAsked && isDue ? orNull(app, () => app.billing.nextInvoice(alive.id)) : null,
  ]);
  return {
    ...standing,
    allowed: tierOf(standing.tier),
    trialDays: standing.trialUsed ? 0 : app.env.TRIAL_DAYS,
    openInvoicePage,
    nextInvoice: nextInvoice && { ...nextInvoice, dueCents: cents(BigInt(nextInvoice.dueCents)) },
  };
}

/** Null when Stripe is away. */
async function orNull<T>(app: Pick<App, "log">, ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    app.log("shown_without_stripe", { error: messageOf(error) });
    return null;
  }
}
