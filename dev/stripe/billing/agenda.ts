/** What becomes due by time, in order: trials, phases, cancellations, renewals, drafts, retries. */
import type { Stripe } from "stripe";
import { idOf } from "../reference.ts";
import { onItsOwn, type World } from "../world.ts";
import { changeInvoice, changeSubscription } from "./announce.ts";
import { attempt, issue } from "./collect.ts";
import { billTheRest, endSubscription, expireSubscription, hasEnded } from "./end.ts";
import { nextTurn } from "./phases.ts";
import { renew } from "./renew.ts";
import { periodOf } from "./subscription.ts";
import { awaitsReminder, reminderAt, remindOfTrialEnd } from "./trial.ts";
import { takeTurn } from "./turn.ts";

const HOUR_SECONDS = 60 * 60;
/** So long somebody can pay the first invoice of a subscription. */
const INCOMPLETE_SECONDS = 23 * HOUR_SECONDS;
/** No world has so much to do; a time that does not pass would go on forever. */
const MOST_STEPS = 100_000;

export type Due = {
  readonly at: number;
  /** Which comes first of what is due in the same second. */
  readonly rank: number;
  readonly run: () => void;
};

/** What a subscription's customer is to be told of in advance; undefined when it's nothing. */
export type NoticeOf = (world: World, subscription: Stripe.Subscription) => Due | undefined;

/** Does all that is due until a moment, each thing at its own time. @param clock the test clock, null for all without one. */
export function passUntil(world: World, clock: string | null, until: number, noticeOf: NoticeOf): void {
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const due = nextDue(world, clock, noticeOf);
    if (!due || due.at > until) return;
    world.within(due.at, due.run);
  }
  throw new Error("Time does not pass: what is due stays due");
}

/** What comes first. @param clock the test clock, null for all without one. */
export function nextDue(world: World, clock: string | null, noticeOf: NoticeOf): Due | undefined {
  let first: Due | undefined;
  const consider = (due: Due): void => {
    if (!first || due.at < first.at || (due.at === first.at && due.rank < first.rank)) first = due;
  };
  for (const subscription of world.billing.subscriptions.oldestFirst()) {
    if (subscription.test_clock !== clock || hasEnded(subscription)) continue;
    for (const due of duesOf(world, subscription, noticeOf)) consider(due);
  }
  for (const schedule of world.billing.schedules.oldestFirst()) {
    if (schedule.test_clock !== clock) continue;
    const at = nextTurn(schedule);
    if (at !== null) {
      consider({
        at,
        rank: 1,
        run: () => {
          takeTurn(world, schedule);
        },
      });
    }
  }
  for (const invoice of world.billing.invoices.oldestFirst()) {
    if (invoice.test_clock === clock) consider(...invoiceDue(world, invoice));
  }
  return first;
}

const never: Due = { at: Infinity, rank: 9, run: () => undefined };

function duesOf(world: World, subscription: Stripe.Subscription, noticeOf: NoticeOf): Due[] {
  const dues: Due[] = [];
  const add = (at: number, rank: number, run: () => void): void => void dues.push({ at, rank, run });
  const { end } = periodOf(subscription);
  const { status, cancel_at: cancelAt, pause_collection: paused } = subscription;
  if (status === "incomplete") {
    add(subscription.created + INCOMPLETE_SECONDS, 2, () => {
      expireSubscription(world, subscription);
    });
    return dues;
  }
  if (awaitsReminder(world, subscription)) {
    add(reminderAt(subscription), 0, () => {
      remindOfTrialEnd(world, onItsOwn, subscription);
    });
  }
  if (paused !== null && paused.resumes_at !== null) {
    add(paused.resumes_at, 0, () => {
      changeSubscription(world, onItsOwn, subscription, () => {
        subscription.pause_collection = null;
      });
    });
  }
  const stopAt = subscription.cancel_at_period_end ? end : cancelAt;
  if (stopAt !== null) {
    add(stopAt, 2, () => {
      endSubscription(world, onItsOwn, subscription, "cancellation_requested");
      billTheRest(world, onItsOwn, subscription, world.seconds() + world.billing.settings.draftSeconds);
    });
  }
  if (status === "paused") return dues;
  const notice = noticeOf(world, subscription);
  if (notice) dues.push(notice);
  add(end, 3, () => {
    renew(world, subscription);
  });
  return dues;
}

function invoiceDue(world: World, invoice: Stripe.Invoice): [Due] {
  if (invoice.auto_advance !== true) return [never];
  if (invoice.status === "draft" && invoice.automatically_finalizes_at !== null) {
    const run = (): void => void issue(world, onItsOwn, invoice, { automatic: true });
    return [{ at: invoice.automatically_finalizes_at, rank: 4, run }];
  }
  if (invoice.status === "open" && invoice.next_payment_attempt !== null) {
    const run = (): void => {
      retry(world, invoice);
    };
    return [{ at: invoice.next_payment_attempt, rank: 5, run }];
  }
  return [never];
}

function retry(world: World, invoice: Stripe.Invoice): void {
  if (!world.customers.get(idOf(invoice.customer))) {
    changeInvoice(world, onItsOwn, invoice, () => {
      invoice.next_payment_attempt = null;
    });
    return;
  }
  attempt(world, onItsOwn, invoice, { automatic: true });
}
