/** The deliveries' rows in Postgres: claim, pin, report. One statement each; a lease's token fences every report. */
import * as z from "zod";
import type { App } from "../app.ts";
import { millisColumn, timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";

type Books = Pick<App, "db" | "clock">;

/** Longer than a function can live, so that a lease's end means its holder's. */
const leaseSeconds = 90;
/** After a lease ran out: what its holder sent may still be on its way. */
export const quietSeconds = 30;

const claimRow = z
  .object({
    id: z.string(),
    lease_token: z.string(),
    citizen: z.string(),
    millis: millisColumn,
    reference: z.string(),
    record_id: z.string().nullable(),
    purchase_id: z.string().nullable(),
    payment_intent: z.string().nullable(),
  })
  .transform((row) => ({
    id: row.id,
    token: row.lease_token,
    citizen: row.citizen,
    millis: row.millis,
    reference: row.reference,
    recordId: row.record_id,
    purchaseId: row.purchase_id,
    paymentIntent: row.payment_intent,
  }));

/** A delivery that this run alone may work on. */
export type Claim = z.output<typeof claimRow>;
export type Held = Pick<Claim, "id" | "token">;

/** Deliveries by rows; `begin`: new ones, too. */
export function claimDeliveries({ db, clock }: Books, limit: number, begin: boolean): Promise<Claim[]> {
  return db.query(
    sql`select * from claim_deliveries(${clock()}::timestamptz, ${limit}::int,
      make_interval(secs => ${leaseSeconds}::int), make_interval(secs => ${quietSeconds}::int), ${begin}::boolean)`,
    claimRow,
  );
}

/** The intent to ask the game for one transfer: from here on it may be paid. None while another is under way. */
export async function beginTry({ db, clock }: Books): Promise<Claim | undefined> {
  const [claim] = await db.query(
    sql`select * from begin_try(${clock()}::timestamptz, make_interval(secs => ${leaseSeconds}::int),
      make_interval(secs => ${quietSeconds}::int))`,
    claimRow,
  );
  return claim;
}

const idRow = z.object({ id: z.string() });

const pinnedRow = z.object({ id: z.string(), outcome: z.enum(["pinned", "cancelled"]) });

/**
 * Pins each delivery's one record, an inert one with its UpdatedAt: what is `pinned` may be activated. `cancelled`: `isInert`,
 * and its purchase's money went back meanwhile.
 */
export async function pinRecords(
  { db, clock }: Books,
  pins: readonly (Held & {
    readonly recordId: string;
    readonly inertAt?: string | undefined;
    readonly isInert: boolean;
  })[],
): Promise<ReadonlyMap<string, z.output<typeof pinnedRow>["outcome"]>> {
  const wire = JSON.stringify(
    pins.map(({ id, token, recordId, inertAt, isInert }) => ({ id, token, recordId, inertAt, isInert })),
  );
  const rows = await db.query(
    sql`select * from pin_records(${clock()}::timestamptz, ${wire}::jsonb)`,
    pinnedRow,
  );
  return new Map(rows.map(({ id, outcome }) => [id, outcome]));
}

/**
 * After the activation was seen, with the row's UpdatedAt from then on where it is known; by try-create with the record that
 * the game named. How many were ours to report.
 */
export async function markActive(
  { db, clock }: Books,
  held: readonly (Held & { readonly touchedAt?: string | undefined; readonly recordId?: string | null })[],
): Promise<number> {
  const wire = JSON.stringify(
    held.map(({ id, token, touchedAt, recordId }) => ({ id, token, touchedAt, recordId })),
  );
  const rows = await db.query(sql`select mark_active(${clock()}::timestamptz, ${wire}::jsonb) as id`, idRow);
  return rows.length;
}

/** Gives claims back for a later try, ever more rarely; only after a failure that certainly changed nothing. */
export async function postpone(
  { db, clock }: Books,
  held: readonly Held[],
  reason: string,
  seconds: number,
): Promise<void> {
  await db.query(
    sql`select postpone_deliveries(${clock()}::timestamptz, ${wireHeld(held)}::jsonb, ${reason},
      make_interval(secs => ${seconds}::int)) as id`,
    idRow,
  );
}

const watchedColumn = z.object({
  id: z.string(),
  transport: z.enum(["rows", "try_create"]),
  /** The row's StratagemId, or by try-create a part of its notes. */
  reference: z.string(),
  recordId: z.string(),
  citizen: z.string(),
  millis: millisColumn,
  /** The row's UpdatedAt when it was pinned, inert, and as our activation left it. */
  inertAt: timeColumn.nullable(),
  touchedAt: timeColumn.nullable(),
  underWay: z.boolean(),
  /** The row's UpdatedAt when it last said something that was kept. */
  seenAt: z.string().nullable(),
});

/** A transfer that the game was asked for, and whose row we don't know. */
const askedColumn = z.object({
  id: z.string(),
  reference: z.string(),
  citizen: z.string(),
  millis: millisColumn,
  askedAt: timeColumn,
  leasedUntil: timeColumn.nullable(),
});

const workColumn = z.object({
  /** Whose turn it is to look at Venice: of many runs at once, one. */
  isTurn: z.boolean(),
  /** Purse and rows agreed a moment ago. */
  isExplained: z.boolean(),
  reserve: z.object({ purseMillis: millisColumn, version: z.int() }).nullable(),
  /** Since when changes of rows have not been read. */
  rowsFrom: timeColumn.nullable(),
  /** Whose rows are due to be read by id. */
  deliveries: z.array(watchedColumn),
  asked: z.array(askedColumn),
  /** Records that may have been paid and must not be paid again, until `rowsVoided` says that they can't be. */
  toVoid: z.array(z.string()),
  underWay: z.boolean(),
  waiting: z.boolean(),
});

export type Work = z.output<typeof workColumn>;
export type WatchedDelivery = z.output<typeof watchedColumn>;
export type AskedDelivery = z.output<typeof askedColumn>;

/** It is the caller's turn to look when the last look began so long ago. Leases that ended without a word are given back. */
export async function deliveryWork({ db, clock }: Books, lookEveryMs: number): Promise<Work> {
  const { work } = await db.one(
    sql`select delivery_work(${clock()}::timestamptz, ${lookEveryMs}::int * interval '1 millisecond',
      make_interval(secs => ${quietSeconds}::int)) as work`,
    z.object({ work: workColumn }),
  );
  return work;
}

/** Those of `toVoid` that were seen cancelled, or are gone. */
export async function rowsVoided({ db }: Pick<Books, "db">, recordIds: readonly string[]): Promise<void> {
  await db.query(sql`select rows_voided(${JSON.stringify(recordIds)}::jsonb)`, z.unknown());
}

const aboutColumn = z.object({ deliveries: z.array(watchedColumn), asked: z.array(askedColumn) });

/** What rows are about: deliveries that they are pinned to, ended ones too, and transfers asked for with these references. */
export async function deliveriesOfRows(
  { db }: Pick<Books, "db">,
  recordIds: readonly string[],
  references: readonly string[],
): Promise<z.output<typeof aboutColumn>> {
  if (recordIds.length === 0) return { deliveries: [], asked: [] };
  const { about } = await db.one(
    sql`select deliveries_of_rows(${JSON.stringify(recordIds)}::jsonb, ${JSON.stringify(references)}::jsonb) as about`,
    z.object({ about: aboutColumn }),
  );
  return about;
}

/** Pins the rows that were found for transfers that were asked for; those deliveries, watched from now on. */
export async function adoptRows(
  { db, clock }: Books,
  found: readonly { readonly id: string; readonly reference: string; readonly recordId: string }[],
): Promise<WatchedDelivery[]> {
  if (found.length === 0) return [];
  const { adopted } = await db.one(
    sql`select adopt_rows(${clock()}::timestamptz, ${JSON.stringify(found)}::jsonb) as adopted`,
    z.object({ adopted: z.array(watchedColumn) }),
  );
  return adopted;
}

/** What a row says happened to its ducats; what it proves, the purse decides. */
export type Verdict = "executed" | "refused" | "unknown" | "tampered";
export type Finding = {
  readonly id: string;
  /** Of which row; void when the delivery has another by now. */
  readonly recordId: string | null;
  /** `waiting` takes an earlier verdict back. */
  readonly verdict: Verdict | "waiting";
  readonly evidence?: object;
  /** For a delivery without a baseline. */
  readonly touchedAt?: string;
  /** Read by its id. */
  readonly looked?: boolean;
};

/** How far changes of rows were read: whether all, and up to which of Airtable's times. */
export type ReadSoFar = { readonly isComplete: boolean; readonly rowsTo: string | null };

/** A purse that moved by something else than the rows say is given this long to agree: the game writes in steps. */
const patienceMinutes = 3;
/** However it goes on changing, that is the end of waiting. */
const waitingLimitMinutes = 30;
/** A refused row's ducats return after this: a run of the game that has read the row before we voided it is over by then. */
const refusalHoldMinutes = 30;

const concludedColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("stale") }),
  z.object({ kind: z.literal("waiting"), saidMillis: millisColumn, movedMillis: millisColumn }),
  z.object({
    kind: z.literal("concluded"),
    executed: z.array(z.string()),
    rejected: z.array(z.string()),
    uncertain: z.array(z.string()),
    /** Records of uncertain ones that the game may have paid and would pay again. */
    halted: z.array(z.string()),
  }),
]);

export type Conclusion = z.output<typeof concludedColumn>;

/** A row that says it took ducats from our purse, and is pinned to no delivery. */
export type Stray = { readonly recordId: string; readonly millis: number };

/** Ends what purse and rows agree on: as executed, as rejected, or as uncertain with its evidence for a person. */
export async function concludeDeliveries(
  { db, clock }: Books,
  version: number,
  purseMillis: bigint,
  findings: readonly Finding[],
  { isComplete, rowsTo }: ReadSoFar = { isComplete: true, rowsTo: null },
  strays: readonly Stray[] = [],
): Promise<Conclusion> {
  const { concluded } = await db.one(
    sql`select conclude_deliveries(${clock()}::timestamptz, ${version}::bigint, ${purseMillis}::bigint,
      ${JSON.stringify(findings)}::jsonb, make_interval(mins => ${patienceMinutes}::int),
      make_interval(mins => ${waitingLimitMinutes}::int), make_interval(mins => ${refusalHoldMinutes}::int),
      ${isComplete}::boolean, ${rowsTo}::timestamptz, ${JSON.stringify(strays)}::jsonb) as concluded`,
    z.object({ concluded: concludedColumn }),
  );
  return concluded;
}

/** Opens or closes the alert on deliveries that are longer on their way than Venice's runs explain. */
export async function checkLateness({ db, clock }: Books): Promise<void> {
  await db.query(sql`select check_lateness(${clock()}::timestamptz)`, z.unknown());
}

/** The first reading of the processor's purse: what every later movement is measured from. */
export async function beginReserve({ db, clock }: Books, purseMillis: bigint): Promise<void> {
  await db.query(sql`select begin_reserve(${clock()}::timestamptz, ${purseMillis}::bigint)`, z.unknown());
}

function wireHeld(held: readonly Held[]): string {
  return JSON.stringify(held.map(({ id, token }) => ({ id, token })));
}
