/** Sends claimed deliveries: look up, plan inert rows, pin one record each, activate it once. */
import type { App } from "../app.ts";
import { messageOf, Unavailable } from "../errors.ts";
import { ROWS_PER_WRITE, type SeenRow } from "../venice/port.ts";
import { baselineOf, readEvidence } from "./evidence.ts";
import { claimDeliveries, markActive, pinRecords, postpone, type Claim } from "./outbox.ts";

const unread = { transport: "rows", inertAt: null, touchedAt: null } as const;

type Ports = Pick<App, "db" | "venice" | "clock">;

/** A delivery's first claim: no earlier try can have left a row. */
const firstToken = "1";

/**
 * Claims one batch (as many as one Airtable write takes; with `begin` new ones, too) and brings it to `active`; 0 when nothing was due.
 * Dying between any two steps loses nothing: the next claim looks first and goes on from what it finds.
 * @throws Unavailable when Venice stops answering; what was unclear stays leased until the quiet period is over.
 */
export async function sendBatch(app: Ports, begin: boolean): Promise<number> {
  const claims = await claimDeliveries(app, ROWS_PER_WRITE, begin);
  if (claims.length === 0) return 0;
  const rows = await clearly(app, claims, () => rowsOf(app, claims));
  const pins = claims.flatMap((claim) => {
    const row = rows.get(claim.id);
    if (!row) return [];
    const inertAt = row.status === "planned" ? row.updatedAt : undefined;
    const isInert = row.status === "planned" && readEvidence(row, { ...claim, ...unread }) === "waiting";
    return [{ ...claim, recordId: row.recordId, row, inertAt, isInert }];
  });
  const pinned = await pinRecords(app, pins);
  const ours = pins.filter(({ id }) => pinned.get(id) === "pinned");
  const inert = ours.filter(({ isInert }) => isInert);
  const activated =
    inert.length === 0
      ? []
      : await clearly(app, inert, () => app.venice.activateRows(inert.map(({ recordId }) => recordId)));
  const leftAt = new Map(activated.map(({ recordId, updatedAt }) => [recordId, updatedAt]));
  const active = ours.map(({ row, ...claim }) => ({
    ...claim,
    touchedAt: leftAt.get(claim.recordId) ?? baselineOf(row, { ...claim, ...unread }),
  }));
  // No longer inert, altered, or gone since it was pinned: what became of it, the watch reads and judges.
  const gone = claims.filter(({ id, recordId }) => recordId !== null && !rows.has(id));
  const sent = await markActive(app, [...active, ...gone]);
  const cancelled = pins.filter(({ id }) => pinned.get(id) === "cancelled");
  if (cancelled.length > 0) await app.venice.voidRows(cancelled.map(({ row }) => row));
  return sent;
}

/** The row of each claim: the pinned record, else one that an earlier try left, else a new one. */
async function rowsOf(app: Ports, claims: readonly Claim[]): Promise<ReadonlyMap<string, SeenRow>> {
  const triedBefore = claims.filter(({ token, recordId }) => token !== firstToken || recordId !== null);
  const found =
    triedBefore.length === 0
      ? []
      : await app.venice.findRows({ stratagemIds: triedBefore.map(({ reference }) => reference) });
  const rows = new Map<string, SeenRow>();
  for (const claim of claims) {
    const row = found.find((each) =>
      claim.recordId ? each.recordId === claim.recordId : each.stratagemId === claim.reference,
    );
    if (row) rows.set(claim.id, row);
  }
  const missing = claims.filter(({ id, recordId }) => !rows.has(id) && recordId === null);
  if (missing.length === 0) return rows;
  const at = app.clock().toISOString();
  const planned = await app.venice.planRows(
    missing.map((claim) => ({ ...claim, stratagemId: claim.reference, deliveryId: claim.id, at })),
  );
  for (const claim of missing) {
    const row = planned.find(({ stratagemId }) => stratagemId === claim.reference);
    if (row) rows.set(claim.id, row);
  }
  return rows;
}

/** What certainly changed nothing, or is seen by the next look, gives the claims back; anything unclear keeps them leased. */
async function clearly<T>(app: Ports, held: readonly Claim[], act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Unavailable)) await postpone(app, held, messageOf(error), 0);
    else if (error.effect === "none") await postpone(app, held, error.message, error.retryAfterSeconds);
    throw error;
  }
}
