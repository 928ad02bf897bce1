/** One run against Stripe: what the webhook did not bring, unpaid orders, the balance, refunds that are due. */
import type { App } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { messageOf, Unavailable } from "../errors.ts";
import { closeAlert, openAlert } from "../operations/alerts.ts";
import { sendRefunds } from "../purchase/refund.ts";
import { keepBalance } from "./balance.ts";
import { fetchEvents } from "./events.ts";
import { lookAtSessions } from "./sessions.ts";

/** The platform gives 30 seconds, and a request begun at the last moment may take ten. No part uses up another's time. */
const eventsEndMs = 8 * SECOND_MS;
const sessionsEndMs = 11 * SECOND_MS;
const balanceEndMs = 14 * SECOND_MS;
const refundsBeginMs = 16 * SECOND_MS;

const refundsPerRun = 10;
const alert = { kind: "reconciling_failed", subject: "reconcile-stripe" };

export type ReconcileReport = {
  readonly events: number;
  readonly failedEvents: number;
  readonly sessions: number;
  readonly transactions: number;
  readonly postings: number;
  readonly refunds: number;
  /** Why the run ended early; the next one goes on. */
  readonly stopped: string | null;
};

type Ports = Pick<App, "db" | "stripe" | "stripeHistory" | "clock" | "env">;

/**
 * Safe any number of times at once. Stripe or the database away ends it, with nothing lost.
 * @throws what a part threw, after the others had their turn and the alert was opened: Stripe refuses us, or a mistake of ours.
 */
export async function reconcileStripe(app: Ports): Promise<ReconcileReport> {
  const startedAt = performance.now();
  const until = (endMs: number) => () => performance.now() - startedAt < endMs;
  let report: ReconcileReport = {
    events: 0,
    failedEvents: 0,
    sessions: 0,
    transactions: 0,
    postings: 0,
    refunds: 0,
    stopped: null,
  };
  const parts: readonly (() => Promise<Partial<ReconcileReport>>)[] = [
    async () => {
      const { applied, failed } = await fetchEvents(app, until(eventsEndMs));
      return { events: applied, failedEvents: failed };
    },
    async () => ({ sessions: await lookAtSessions(app, until(sessionsEndMs)) }),
    async () => {
      const { kept, posted } = await keepBalance(app, until(balanceEndMs));
      return { transactions: kept, postings: posted };
    },
    async () => {
      if (!until(refundsBeginMs)()) return {};
      return { refunds: (await sendRefunds(app, refundsPerRun)).length };
    },
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
      message: `Stripe is not compared with the books: ${faults.map(messageOf).join("; ")}`,
    });
    throw faults[0];
  }
  await closeAlert(app, alert);
  return report;
}
