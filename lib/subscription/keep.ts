/** What subscriptions need besides their events: what the time brings, tries with new cards, pages that are over, re-reads. */
import * as z from "zod";
import type { App } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { sql } from "../db/port.ts";
import { messageOf, Unavailable } from "../errors.ts";
import { closeAlert, openAlert } from "../operations/alerts.ts";
import { allInTurns, type HasTime } from "../reconcile/in-turns.ts";
import { followUp } from "./follow-up.ts";
import type { PageEnd } from "../stripe/billing-port.ts";
import { grantsJson, rereadSubscription } from "./reread.ts";
import { retryInvoices } from "./retry.ts";

/** The platform gives 30 seconds, and what is begun at the last moment may take some. No part uses up another's time. */
const monthsEndMs = 6 * SECOND_MS;
const retriesEndMs = 10 * SECOND_MS;
const startsEndMs = 12 * SECOND_MS;
const readsEndMs = 15 * SECOND_MS;
const followUpsEndMs = 17 * SECOND_MS;

const accountsPerStep = 200;
const retriesPerRun = 50;
const startsPerRun = 100;
const readsPerRun = 300;
const followUpsPerRun = 100;
/** Stripe's events bring what changes: this finds what they did not bring. */
const readEvery = "6 hours";

const alert = { kind: "subscriptions_not_kept", subject: "keep-subscriptions" };

export type KeepReport = {
  /** Accounts whose months, grace and letters were seen to. */
  readonly accounts: number;
  /** Tries with a new card that came to an end. */
  readonly retries: number;
  /** Payment pages that were ended. */
  readonly starts: number;
  /** Subscriptions read again. */
  readonly reads: number;
  /** Of them, and of those that events had read, that asked something of Stripe in turn. */
  readonly followUps: number;
  /** Why the run ended early; the next one goes on. */
  readonly stopped: string | null;
};

type Ports = Pick<App, "db" | "stripe" | "billing" | "clock" | "env">;

/**
 * Safe any number of times at once. Stripe or the database away ends it, with nothing lost.
 * @throws what a part threw, after the others had their turn and the alert was opened: Stripe refuses us, or a mistake of ours.
 */
export async function keepSubscriptions(app: Ports): Promise<KeepReport> {
  const startedAt = performance.now();
  const until = (endMs: number) => () => performance.now() - startedAt < endMs;
  let report: KeepReport = { accounts: 0, retries: 0, starts: 0, reads: 0, followUps: 0, stopped: null };
  const parts: readonly (() => Promise<Partial<KeepReport>>)[] = [
    async () => ({ accounts: await keepMonths(app, until(monthsEndMs)) }),
    async () => ({ retries: await retryInvoices(app, retriesPerRun, until(retriesEndMs)) }),
    async () => ({ starts: await endStarts(app, until(startsEndMs)) }),
    async () => ({ reads: await readAgain(app, until(readsEndMs)) }),
    async () => ({ followUps: await followUp(app, followUpsPerRun, until(followUpsEndMs)) }),
  ];
  const faults: unknown[] = [];
  for (const part of parts) {
    try {
      report = { ...report, ...(await part()) };
    } catch (error) {
      if (error instanceof Unavailable) return { ...report, stopped: messageOf(error) };
      faults.push(error);
    }
  }
  if (faults.length > 0) {
    await openAlert(app, {
      ...alert,
      message: `Subscriptions are not kept up: ${faults.map(messageOf).join("; ")}`,
    });
    throw faults[0];
  }
  await closeAlert(app, alert);
  return report;
}

const keptColumn = z.object({ seen: z.int(), last: z.string().nullable() });

/** In steps: an account's lock is held for no longer than a step takes. How many accounts. @throws Unavailable */
async function keepMonths(app: Ports, hasTime: HasTime): Promise<number> {
  let accounts = 0;
  let after: string | null = null;
  do {
    const { kept }: { kept: z.output<typeof keptColumn> } = await app.db.one(
      sql`select keep_subscriptions(${app.clock()}::timestamptz, ${grantsJson}::jsonb, ${after}, ${accountsPerStep}::int) as kept`,
      z.object({ kept: keptColumn }),
    );
    accounts += kept.seen;
    after = kept.last;
  } while (after !== null && hasTime());
  return accounts;
}

const startColumn = z.object({ id: z.string(), sessionId: z.string().nullable() });

/** How many. @throws Unavailable */
async function endStarts(app: Ports, hasTime: HasTime): Promise<number> {
  const rows = await app.db.query(
    sql`select starts_to_end(${app.clock()}::timestamptz, ${startsPerRun}::int) as start`,
    z.object({ start: startColumn }),
  );
  return await allInTurns(rows, hasTime, ({ start }) => endStart(app, start));
}

/** A page whose address was given to nobody is over by that alone; whoever is still making it is told so by its state. */
async function endStart(app: Ports, { id, sessionId }: z.output<typeof startColumn>): Promise<void> {
  const end: PageEnd = sessionId === null ? { kind: "expired" } : await app.billing.endStart(sessionId);
  // Read before it is ended here: a run that dies in between leaves it to the next.
  if (end.kind === "complete" && end.subscription !== null) await rereadSubscription(app, end.subscription);
  const state = end.kind === "complete" ? "completed" : "expired";
  await app.db.query(sql`select end_start(${id}, ${state})`, z.unknown());
}

/** How many. @throws Unavailable */
async function readAgain(app: Ports, hasTime: HasTime): Promise<number> {
  const rows = await app.db.query(
    sql`select subscriptions_to_read(${app.clock()}::timestamptz, ${readEvery}::interval, ${readsPerRun}::int) as id`,
    z.object({ id: z.string() }),
  );
  return await allInTurns(rows, hasTime, ({ id }) => rereadSubscription(app, id));
}
