/** Watches our rows and concludes what they say, when the processor's purse moved by exactly that. */
import type { App } from "../app.ts";
import { later, SECOND_MS } from "../clock.ts";
import type { Millis } from "../money.ts";
import { openAlert } from "../operations/alerts.ts";
import { PROCESSOR } from "../processor.ts";
import type { SeenRow } from "../venice/port.ts";
import { resolveAsked } from "./asked.ts";
import { baselineOf, isLapsed, paidIn, readEvidence, referencesIn } from "./evidence.ts";
import {
  beginReserve,
  concludeDeliveries,
  deliveriesOfRows,
  rowsVoided,
  type Conclusion,
  type Finding,
  type Stray,
  type WatchedDelivery,
  type Work,
} from "./outbox.ts";

type Ports = Pick<App, "db" | "venice" | "clock">;

/** The processor citizen is missing or has no purse: nothing can be paid. */
export type WatchOutcome = Conclusion | { readonly kind: "no_purse" };

/** A row's change may be seen a little after one that is younger: so much is read again. */
const overlapMs = 10 * SECOND_MS;
/** The others are voided by the next run. */
const voidedPerRun = 50;
const strangersNamed = 10;

/**
 * One request reads every row that was written to, however many wait; a deleted one is missed by a look at its id.
 * @throws Unavailable when Venice cannot be read: nothing is concluded.
 */
export async function watch(app: Ports, work: Work): Promise<WatchOutcome> {
  // What an earlier look could not cancel, before anything else.
  await halt(app, work.toVoid);
  const before = await processorPurse(app);
  if (before === undefined) return { kind: "no_purse" };
  if (work.reserve === null) {
    await beginReserve(app, before);
    return nothing;
  }
  const { changed, rows, deliveries, isComplete, absent } = await look(app, work);
  await voidUnpaid(app, deliveries, rows);
  // The purse on both sides of the rows: when it stood still, they are one picture.
  if (rows.size > 0 || work.deliveries.length > 0 || absent.length > 0) {
    if ((await processorPurse(app)) !== before) return { kind: "stale" };
  }
  const traps = trapsIn(rows, deliveries);
  const looked = new Set(work.deliveries.map(({ id }) => id));
  const findings = [
    ...deliveries.flatMap((each) => findingOf(each, rows.get(each.recordId), looked.has(each.id))),
    ...absent,
  ];
  // A trap that is not voided yet must be seen again.
  const rowsTo = traps.length > 0 ? null : readTo(changed, isComplete);
  const readSoFar = { isComplete, rowsTo };
  const strays = straysIn(changed, deliveries);
  const concluded = await concludeDeliveries(app, work.reserve.version, before, findings, readSoFar, strays);
  if (concluded.kind === "stale") return concluded;
  if (concluded.kind === "concluded") await halt(app, concluded.halted);
  await reportStrangers(app, changed, deliveries);
  await reportTraps(app, traps, deliveries);
  await disarm(app, traps);
  return concluded;
}

const nothing: Conclusion = { kind: "concluded", executed: [], rejected: [], uncertain: [], halted: [] };

async function processorPurse(app: Ports): Promise<Millis | undefined> {
  return (await app.venice.purses([PROCESSOR])).get(PROCESSOR);
}

/** What changed, what was due to be read by its id, and the deliveries behind both. */
async function look(app: Ports, work: Work) {
  const { rows: changed, isComplete } =
    work.rowsFrom === null ? { rows: [], isComplete: true } : await app.venice.changedRows(work.rowsFrom);
  const rows = new Map(changed.map((row) => [row.recordId, row]));
  const due = work.deliveries;
  const unread = due.map(({ recordId }) => recordId).filter((recordId) => !rows.has(recordId));
  if (unread.length > 0)
    for (const row of await app.venice.findRows({ recordIds: unread })) rows.set(row.recordId, row);
  const isDue = new Set(due.map(({ recordId }) => recordId));
  const others = [...rows.values()].filter(({ recordId }) => !isDue.has(recordId));
  // Read after the rows: whoever asked for one of them had written that down before it was made.
  const about = await deliveriesOfRows(
    app,
    others.map(({ recordId }) => recordId),
    others.flatMap(referencesIn),
  );
  const asked = new Map([...work.asked, ...about.asked].map((each) => [each.id, each]));
  const resolved = await resolveAsked(app, [...asked.values()], changed);
  for (const row of resolved.rows) rows.set(row.recordId, row);
  return {
    changed,
    rows,
    deliveries: [...due, ...about.deliveries, ...resolved.adopted],
    isComplete,
    absent: resolved.findings,
  };
}

/** A row that was refused, or is past its time, could still be run by hand: before its ducats go back it is made worthless. */
async function voidUnpaid(
  app: Ports,
  deliveries: readonly WatchedDelivery[],
  rows: Map<string, SeenRow>,
): Promise<void> {
  const now = app.clock();
  const unpaid = deliveries.flatMap((delivery) => {
    const row = rows.get(delivery.recordId);
    if (!delivery.underWay || !row) return [];
    const reading = readEvidence(row, delivery);
    const isRefused = row.status === "failed" && reading === "refused";
    return isRefused || (isLapsed(row, now) && reading === "waiting") ? [row] : [];
  });
  if (unpaid.length === 0) return;
  await app.venice.voidRows(unpaid);
  const recordIds = unpaid.map(({ recordId }) => recordId);
  for (const recordId of recordIds) rows.delete(recordId);
  for (const row of await app.venice.findRows({ recordIds })) rows.set(row.recordId, row);
}

/** Only what is new: a row that says what it said is kept already. */
function findingOf(delivery: WatchedDelivery, row: SeenRow | undefined, looked: boolean): Finding[] {
  if (!delivery.underWay) return [];
  const { id, recordId } = delivery;
  const verdict = readEvidence(row, delivery);
  const touchedAt = row && delivery.touchedAt === null ? baselineOf(row, delivery) : undefined;
  if (verdict !== "waiting") {
    const isNew = row === undefined || row.updatedAt !== delivery.seenAt;
    return isNew || looked ? [{ id, recordId, verdict, evidence: { row: row ?? null }, looked }] : [];
  }
  if (!looked && touchedAt === undefined && delivery.seenAt === null) return [];
  return [{ id, recordId, verdict, looked, ...(touchedAt !== undefined && { touchedAt }) }];
}

function readTo(changed: readonly SeenRow[], isComplete: boolean): string | null {
  const last = changed.at(-1)?.updatedAt;
  if (last === undefined) return null;
  return isComplete ? later(new Date(last), -overlapMs).toISOString() : last;
}

/** Rows that the game would pay, or pay again, though they must not be: of ended or frozen deliveries, and second ones of ours. */
function trapsIn(rows: ReadonlyMap<string, SeenRow>, deliveries: readonly WatchedDelivery[]): SeenRow[] {
  const byRecord = new Map(deliveries.map((delivery) => [delivery.recordId, delivery]));
  return [...rows.values()].filter((row) => {
    if (row.status !== "active") return false;
    const delivery = byRecord.get(row.recordId);
    if (!delivery) return nameOurs(row);
    return !delivery.underWay || readEvidence(row, delivery) === "tampered";
  });
}

/** Unpinned rows that say they took ducats from our purse: a claim beside those of the deliveries. */
function straysIn(changed: readonly SeenRow[], deliveries: readonly WatchedDelivery[]): Stray[] {
  const pinned = new Set(deliveries.map(({ recordId }) => recordId));
  return changed
    .filter(({ executedBy, recordId }) => executedBy === PROCESSOR && !pinned.has(recordId))
    .flatMap((row) => {
      const paid = paidIn(row).reduce((sum, each) => sum + each, 0n);
      return paid > 0n ? [{ recordId: row.recordId, millis: Number(paid) }] : [];
    });
}

/** Where each transport writes our reference. */
function nameOurs({ stratagemId, notes }: SeenRow): boolean {
  return referencesIn({ notes: `${stratagemId}\n${notes}` }).length > 0;
}

async function disarm(app: Ports, traps: readonly SeenRow[]): Promise<void> {
  if (traps.length === 0) return;
  const some = traps.slice(0, voidedPerRun);
  const now = await app.venice.findRows({ recordIds: some.map(({ recordId }) => recordId) });
  // What has changed again is the next look's.
  const same = now.filter((row) =>
    some.some(({ recordId, updatedAt }) => row.recordId === recordId && row.updatedAt === updatedAt),
  );
  await app.venice.voidRows(same);
}

/** Cancels rows that may be half paid, before anybody pays them again; until that is seen, each look begins with it. */
async function halt(app: Ports, recordIds: readonly string[]): Promise<void> {
  if (recordIds.length === 0) return;
  const rows = await app.venice.findRows({ recordIds });
  await app.venice.voidRows(rows.filter(({ status }) => status === "active"));
  await rowsVoided(app, recordIds);
}

/** A delivery that had ended, and somebody made its row payable again. */
async function reportTraps(
  app: Ports,
  traps: readonly SeenRow[],
  deliveries: readonly WatchedDelivery[],
): Promise<void> {
  for (const { recordId } of traps.slice(0, voidedPerRun)) {
    const ended = deliveries.find((each) => each.recordId === recordId && !each.underWay);
    if (!ended) continue;
    await openAlert(app, {
      kind: "delivery_tampered",
      subject: ended.id,
      message: `Delivery ${ended.id} was over when somebody made its row ${recordId} active again. We cancel it; has it paid?`,
    });
  }
}

/** Rows that pay from our purse and that we never pinned. */
async function reportStrangers(
  app: Ports,
  changed: readonly SeenRow[],
  deliveries: readonly WatchedDelivery[],
): Promise<void> {
  const pinned = new Set(deliveries.map(({ recordId }) => recordId));
  const strangers = changed.filter(
    ({ recordId, executedBy, type, status }) =>
      executedBy === PROCESSOR &&
      type === "transfer_ducats" &&
      ["active", "executed"].includes(status) &&
      !pinned.has(recordId),
  );
  const [first] = strangers;
  if (!first) return;
  const names = strangers
    .slice(0, strangersNamed)
    .map(
      ({ recordId, status, targetCitizen }) => `${recordId} (${status}, to ${targetCitizen.slice(0, 40)})`,
    );
  const more = strangers.length - names.length;
  await openAlert(app, {
    kind: "purse_spent_by_stranger",
    subject: first.recordId,
    message: `Rows in STRATAGEMS that pay from the processor's purse and are none of ours: ${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}.`,
  });
}
