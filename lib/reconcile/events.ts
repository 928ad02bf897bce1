/** Events that the webhook did not bring, or that could not be applied when it did: fetched, and handled as it would have. */
import * as z from "zod";
import type { App } from "../app.ts";
import { later, MINUTE_MS } from "../clock.ts";
import { sql } from "../db/port.ts";
import { paymentTypes } from "../purchase/payment-fact.ts";
import { settleEvent } from "../purchase/settle.ts";
import type { VerifiedEvent } from "../stripe/port.ts";
import { subscriptionTypes } from "../subscription/fact.ts";
import { spanToRead, timeOf } from "./cursor.ts";
import { inTurns } from "./in-turns.ts";
import { walk } from "./walk.ts";

type Ports = Pick<App, "db" | "stripe" | "stripeHistory" | "clock" | "env">;

/** Stripe takes twenty types in one request. */
const lists = [
  ["events", paymentTypes],
  ["subscription_events", subscriptionTypes],
] as const;

/** What is younger is on its way to the webhook: it has its turn first. */
const webhookMs = 2 * MINUTE_MS;
const failedPerRun = 20;

export type EventsReport = {
  /** Events that were not in the inbox, or had failed there, and are handled now. */
  readonly applied: number;
  /** Stored with their reasons and alerted, as the webhook does it; tried again by the next run. */
  readonly failed: number;
};

/**
 * The cursor passes an event that fails: it is in the inbox and stays due there, so that one that can never be applied holds up
 * none of those behind it. @throws Unavailable
 */
export async function fetchEvents(app: Ports, hasTime: () => boolean): Promise<EventsReport> {
  let applied = 0;
  let failed = 0;
  const settle = async (event: VerifiedEvent): Promise<void> => {
    const settled = await settleEvent(app, await inOurVersion(app, event), "us");
    if (settled.kind === "failed") failed += 1;
    else if (settled.outcome !== "duplicate") applied += 1;
  };
  await inTurns(await claimFailed(app), hasTime, async (id) => {
    const event = await app.stripeHistory.event(id);
    if (event) await settle(event);
  });
  for (const [list, types] of lists) {
    const span = await spanToRead(app, list, later(app.clock(), -webhookMs));
    if (span)
      await walk({
        span,
        hasTime,
        page: (piece, after) => app.stripeHistory.events(types, piece, after),
        async take(events, to) {
          const missing = await missingOf(app, events);
          const isDone = await inTurns(missing, hasTime, settle);
          if (isDone)
            await app.db.query(
              sql`select save_stripe_walk(${list}, ${timeOf(to)}::timestamptz)`,
              z.unknown(),
            );
        },
      });
  }
  await app.db.query(sql`select judge_webhook(${app.clock()}::timestamptz)`, z.unknown());
  return { applied, failed };
}

/** A listed event is as the account's own API version wrote it: in another than ours, its object is read anew. */
async function inOurVersion(app: Ports, event: VerifiedEvent): Promise<VerifiedEvent> {
  const apiVersion = await app.stripe.apiVersion();
  if (event.apiVersion === apiVersion) return event;
  const read = await app.stripeHistory.current(event.object);
  return read ? { ...event, apiVersion, object: read.object } : event;
}

const idRow = z.object({ id: z.string() });

async function missingOf(app: Ports, events: readonly VerifiedEvent[]): Promise<readonly VerifiedEvent[]> {
  if (events.length === 0) return [];
  const ids = JSON.stringify(events.map(({ id }) => id));
  const rows = await app.db.query(sql`select missing_stripe_events(${ids}::jsonb) as id`, idRow);
  const missing = new Set(rows.map(({ id }) => id));
  return events.filter(({ id }) => missing.has(id));
}

async function claimFailed(app: Ports): Promise<readonly string[]> {
  const rows = await app.db.query(
    sql`select claim_failed_events(${app.clock()}::timestamptz, ${failedPerRun}::int) as id`,
    idRow,
  );
  return rows.map(({ id }) => id);
}
