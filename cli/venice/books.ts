/** The top-ups' rows in Postgres, as the database's owner: one statement each; a lease's token fences every report. */
import * as z from "zod";
import type { App } from "../../lib/app.ts";
import { millisColumn, timeColumn } from "../../lib/db/columns.ts";
import { sql } from "../../lib/db/port.ts";
import type { Millis } from "../../lib/money.ts";

export type Books = Pick<App, "db" | "clock">;

/** Longer than the command takes; a person waits for the end of a dead one's. */
const leaseSeconds = 60;
/** After a lease ran out: what its holder sent may still be on its way. */
const quietSeconds = 30;

const replenishmentColumn = z.object({
  id: z.string(),
  kind: z.enum(["transfer", "mint"]),
  millis: millisColumn,
  payer: z.string().nullable(),
  state: z.enum(["planned", "active", "done", "failed", "unclear"]),
  recordId: z.string().nullable(),
  purseBefore: millisColumn.nullable(),
  purseAfter: millisColumn.nullable(),
  createdAt: timeColumn,
});

export type Replenishment = z.output<typeof replenishmentColumn>;
/** One that this command alone works on. */
export type Held = Replenishment & { readonly token: string };

export type NewReplenishment = Pick<Replenishment, "id" | "kind" | "millis" | "payer">;

const tokenRow = z.object({ token: z.string().nullable() });
const yesRow = z.object({ yes: z.boolean() });

const outlookColumn = z.object({
  promisedMillis: millisColumn,
  underWay: z.int(),
  /** Refunded ducats are being fetched back: no top-up begins meanwhile. */
  isRecalling: z.boolean(),
  last: replenishmentColumn.nullable(),
});

/** What is promised, what is under way, and the last top-up. */
export async function outlook({ db }: Books): Promise<z.output<typeof outlookColumn>> {
  const row = z.object({ outlook: outlookColumn });
  return (await db.one(sql`select replenishment_outlook() as outlook`, row)).outlook;
}

/** The top-up to go on with: under way, or one whose command ended before it said so. */
export async function atHand({ db }: Books): Promise<Replenishment | null> {
  const row = z.object({ found: replenishmentColumn.nullable() });
  return (await db.one(sql`select replenishment_at_hand() as found`, row)).found;
}

export async function readReplenishment({ db }: Books, id: string): Promise<Replenishment> {
  const row = z.object({ found: replenishmentColumn });
  return (await db.one(sql`select read_replenishment(${id}) as found`, row)).found;
}

/** Null while another one is at hand. */
export async function begin(books: Books, wish: NewReplenishment): Promise<Held | null> {
  const rows = await books.db.query(
    sql`select begin_replenishment(${books.clock()}::timestamptz, ${wish.id}, ${wish.kind}, ${wish.millis}::bigint, ${wish.payer},
      make_interval(secs => ${leaseSeconds}::int))::text as token`,
    tokenRow,
  );
  return await held(books, wish.id, rows);
}

/** Null while the command that began it may be at work. */
export async function claim(books: Books, id: string): Promise<Held | null> {
  const rows = await books.db.query(
    sql`select claim_replenishment(${books.clock()}::timestamptz, ${id}, make_interval(secs => ${leaseSeconds}::int),
      make_interval(secs => ${quietSeconds}::int))::text as token`,
    tokenRow,
  );
  return await held(books, id, rows);
}

async function held(books: Books, id: string, [row]: z.output<typeof tokenRow>[]): Promise<Held | null> {
  if (!row?.token) return null;
  return { ...(await readReplenishment(books, id)), token: row.token };
}

/** Pins its one record; false when the lease is lost. */
export async function pin({ db, clock }: Books, { id, token }: Held, recordId: string): Promise<boolean> {
  const statement = sql`select pin_replenishment(${clock()}::timestamptz, ${id}, ${token}::bigint, ${recordId}) as yes`;
  return (await db.one(statement, yesRow)).yes;
}

export async function markActive(
  { db, clock }: Books,
  { id, token }: Held,
  recordId: string,
  purse: { readonly before: Millis; readonly after: Millis } | null,
): Promise<boolean> {
  const statement = sql`select mark_replenishment_active(${clock()}::timestamptz, ${id}, ${token}::bigint, ${recordId},
    ${purse?.before ?? null}::bigint, ${purse?.after ?? null}::bigint) as yes`;
  return (await db.one(statement, yesRow)).yes;
}

export async function end(
  { db, clock }: Books,
  { id, token }: Held,
  state: "failed" | "unclear",
  evidence: object,
): Promise<void> {
  await db.query(
    sql`select end_replenishment(${clock()}::timestamptz, ${id}, ${token}::bigint, ${state}, ${JSON.stringify(evidence)}::jsonb)`,
    z.unknown(),
  );
}

/** The operator knows of it: the same amount asked for again is another top-up. */
export async function tell({ db, clock }: Books, { id, token }: Held): Promise<void> {
  await db.query(
    sql`select tell_replenishment(${clock()}::timestamptz, ${id}, ${token}::bigint)`,
    z.unknown(),
  );
}
