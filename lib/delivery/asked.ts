/** Transfers that the game was asked for and whose rows we were not told of: found by our reference, or proved absent. */
import type { App } from "../app.ts";
import { later, SECOND_MS } from "../clock.ts";
import { wholeDucats } from "../money.ts";
import { PROCESSOR } from "../processor.ts";
import { ROWS_PER_LOOK, type SeenRow } from "../venice/port.ts";
import { amountOf, clocksDifferMs, referencesIn } from "./evidence.ts";
import {
  adoptRows,
  deliveriesOfRows,
  quietSeconds,
  type AskedDelivery,
  type Finding,
  type WatchedDelivery,
} from "./outbox.ts";

type Ports = Pick<App, "db" | "venice" | "clock">;
type Sought = Pick<AskedDelivery, "reference" | "citizen" | "millis" | "askedAt">;

/** `unexplained`: rows that may be this transfer, or more than one that says so. */
export type Found =
  | { readonly kind: "row"; readonly row: SeenRow }
  | { readonly kind: "absent" }
  | { readonly kind: "unexplained"; readonly rows: readonly SeenRow[] };

/** By payer, payee, amount and time: a row whose notes are lost is no longer known by our reference. @throws Unavailable */
export async function findRowsOf(app: Ports, sought: Sought): Promise<Found> {
  const since = later(new Date(sought.askedAt), -clocksDifferMs).toISOString();
  const rows = await app.venice.findRows({ paidTo: sought.citizen, since });
  const own = rows.filter((row) => referencesIn(row).includes(sought.reference));
  const [row] = own;
  if (row) return own.length === 1 ? { kind: "row", row } : { kind: "unexplained", rows: own };
  if (rows.length >= ROWS_PER_LOOK) return { kind: "unexplained", rows: rows.slice(0, 10) };
  const about = await deliveriesOfRows(
    app,
    rows.map(({ recordId }) => recordId),
    [],
  );
  const others = new Set(about.deliveries.map(({ recordId }) => recordId));
  const unexplained = rows.filter((each) => !others.has(each.recordId) && mayPay(each, sought));
  return unexplained.length > 0 ? { kind: "unexplained", rows: unexplained } : { kind: "absent" };
}

function mayPay({ notes }: SeenRow, { millis }: Sought): boolean {
  const amount = amountOf(notes);
  return amount === undefined || amount === wholeDucats(millis);
}

export type Resolved = {
  /** Pinned from now on. */
  readonly adopted: readonly WatchedDelivery[];
  /** The rows that were read for them. */
  readonly rows: readonly SeenRow[];
  readonly findings: readonly Finding[];
};

/** Looks for a lost one once its asker can't be at work any more; `seen` rows are taken as they come. @throws Unavailable */
export async function resolveAsked(
  app: Ports,
  asked: readonly AskedDelivery[],
  seen: readonly SeenRow[],
): Promise<Resolved> {
  const found: { id: string; reference: string; row: SeenRow }[] = [];
  const findings: Finding[] = [];
  for (const each of asked) {
    const one = isLost(each, app.clock()) ? await findRowsOf(app, each) : seenRow(seen, each);
    if (one?.kind === "row") found.push({ ...each, row: one.row });
    if (one?.kind === "absent")
      findings.push({
        id: each.id,
        recordId: null,
        verdict: "refused",
        evidence: { row: null },
        looked: true,
      });
    if (one?.kind === "unexplained")
      findings.push({
        id: each.id,
        recordId: null,
        verdict: "unknown",
        evidence: { row: null, rows: one.rows },
        looked: true,
      });
  }
  const rows = found.map(({ row }) => row);
  const adopted = await adoptRows(
    app,
    found.map(({ id, reference, row }) => ({ id, reference, recordId: row.recordId })),
  );
  return { adopted, rows, findings };
}

function isLost({ leasedUntil }: AskedDelivery, now: Date): boolean {
  return leasedUntil === null || Date.parse(leasedUntil) + quietSeconds * SECOND_MS <= now.getTime();
}

function seenRow(rows: readonly SeenRow[], { reference }: AskedDelivery): Found | undefined {
  const own = rows.filter((row) => row.executedBy === PROCESSOR && referencesIn(row).includes(reference));
  const [row] = own;
  if (!row) return undefined;
  return own.length === 1 ? { kind: "row", row } : { kind: "unexplained", rows: own };
}
