/** Stripe's side of the comparison: whole lists of a time, and what has just changed. */
import * as z from "zod";
import type { App } from "../app.ts";
import { later, SECOND_MS } from "../clock.ts";
import { isLive } from "../env.ts";
import type { Page, Span } from "../stripe/history.ts";
import { underWayMs, type AtStripe } from "./judge-payments.ts";

type Ports = Pick<App, "stripeLists" | "stripeHistory" | "clock" | "env">;

/** Null when there is no time for all of it. @throws Unavailable */
export async function readStripe(app: Ports, since: Date, hasTime: () => boolean): Promise<AtStripe | null> {
  const { stripeLists } = app;
  const span = spanOf(since, app.clock());
  const payments = await whole(span, hasTime, (piece, after) => stripeLists.payments(piece, after));
  const sessions = await whole(span, hasTime, (piece, after) => stripeLists.sessions(piece, after));
  const refunds = await whole(span, hasTime, (piece, after) => stripeLists.refunds(piece, after));
  const disputes = await whole(span, hasTime, (piece, after) => stripeLists.disputes(piece, after));
  if (!payments || !sessions || !refunds || !disputes) return null;
  return { payments, sessions, refunds, disputes, changedLately: new Set(), livemode: isLive(app.env) };
}

/** A list may grow at its beginning meanwhile: what is older stays where it is. */
async function whole<Item extends { readonly id: string }>(
  span: Span,
  hasTime: () => boolean,
  page: (span: Span, after: string | null) => Promise<Page<Item>>,
): Promise<readonly Item[] | null> {
  const found: Item[] = [];
  while (hasTime()) {
    const { items, hasMore } = await page(span, found.at(-1)?.id ?? null);
    found.push(...items);
    if (!hasMore || items.length === 0) return found;
  }
  return null;
}

const changes = [
  "refund.updated",
  "refund.failed",
  "charge.dispute.updated",
  "charge.dispute.closed",
  "charge.dispute.funds_withdrawn",
  "charge.dispute.funds_reinstated",
];
const changed = z.object({ id: z.string() });

/** Refunds and disputes that Stripe has told something of within the time that the books may take. @throws Unavailable */
export async function readChanges(app: Ports): Promise<ReadonlySet<string>> {
  const now = app.clock();
  const { items } = await app.stripeHistory.events(changes, spanOf(later(now, -underWayMs), now), null);
  return new Set(items.map(({ object }) => changed.parse(object).id));
}

/** Up to now, this second included. */
function spanOf(from: Date, to: Date): Span {
  return { from: Math.floor(from.getTime() / SECOND_MS), to: Math.floor(to.getTime() / SECOND_MS) + 1 };
}
