/** Watches active rows and concludes what they say, when the processor's purse moved by exactly that. */
import type { App } from "../app.ts";
import type { Millis } from "../money.ts";
import { PROCESSOR, type SeenRow } from "../venice/port.ts";
import { readEvidence } from "./evidence.ts";
import {
  beginReserve,
  concludeDeliveries,
  type DeliveryUnderWay,
  type Conclusion,
  type Finding,
  type Work,
} from "./outbox.ts";

type Ports = Pick<App, "db" | "venice" | "clock">;

/** The processor citizen is missing or has no purse: nothing can be paid. */
export type WatchOutcome = Conclusion | { readonly kind: "no_purse" };

/** @throws Unavailable when Venice cannot be read: nothing is concluded. */
export async function watch(app: Ports, work: Work): Promise<WatchOutcome> {
  const before = await processorPurse(app);
  if (before === undefined) return { kind: "no_purse" };
  if (work.reserve === null) {
    await beginReserve(app, before);
    return nothing;
  }
  if (work.deliveries.length === 0) return await concludeDeliveries(app, work.reserve.version, before, []);

  let rows = await readRows(app, work.deliveries);
  const voided = await voidRefused(app, work.deliveries, rows);
  if (voided) rows = await readRows(app, work.deliveries);
  // The purse on both sides of the rows: when it stood still, they are one picture.
  const after = await processorPurse(app);
  if (after !== before) return { kind: "stale" };
  return await concludeDeliveries(app, work.reserve.version, after, findings(work.deliveries, rows));
}

const nothing: Conclusion = { kind: "concluded", executed: [], rejected: [], uncertain: [] };

async function processorPurse(app: Ports): Promise<Millis | undefined> {
  return (await app.venice.purses([PROCESSOR])).get(PROCESSOR);
}

async function readRows(
  app: Ports,
  deliveries: readonly DeliveryUnderWay[],
): Promise<ReadonlyMap<string, SeenRow>> {
  const rows = await app.venice.findRows({ recordIds: deliveries.map(({ recordId }) => recordId) });
  return new Map(rows.map((row) => [row.recordId, row]));
}

/** A refused row could still be run by hand: before its ducats go back to the wallet it is made worthless. */
async function voidRefused(
  app: Ports,
  deliveries: readonly DeliveryUnderWay[],
  rows: ReadonlyMap<string, SeenRow>,
): Promise<boolean> {
  let voided = false;
  for (const delivery of deliveries) {
    const row = rows.get(delivery.recordId);
    if (row?.status === "failed" && readEvidence(row, delivery) === "refused") {
      await app.venice.voidRow(row);
      voided = true;
    }
  }
  return voided;
}

function findings(deliveries: readonly DeliveryUnderWay[], rows: ReadonlyMap<string, SeenRow>): Finding[] {
  return deliveries.flatMap((delivery) => {
    const row = rows.get(delivery.recordId);
    const verdict = readEvidence(row, delivery);
    return verdict === "waiting" ? [] : [{ id: delivery.id, verdict, evidence: { row: row ?? null } }];
  });
}
