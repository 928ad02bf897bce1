/** Venice as delivery needs it: purses to read, and rows that anyone may have changed since we wrote them. */
import type { Millis } from "../money.ts";

/** Airtable writes at most ten records a request. */
export const ROWS_PER_WRITE = 10;

/** Airtable's largest page. */
export const ROWS_PER_LOOK = 100;

/** What pays a citizen. */
export type PaymentRow = {
  readonly stratagemId: string;
  readonly citizen: string;
  /** Whole ducats. */
  readonly millis: Millis;
  readonly deliveryId: string;
  readonly purchaseId: string | null;
  readonly paymentIntent: string | null;
  /** When it is written: its life begins then, however long the delivery has waited. */
  readonly at: string;
};

/** A row as it was just read: evidence, never proof. */
export type SeenRow = {
  readonly recordId: string;
  readonly stratagemId: string;
  readonly type: string;
  readonly executedBy: string;
  readonly targetCitizen: string;
  readonly status: string;
  readonly executedAt: string | null;
  readonly expiresAt: string | null;
  readonly notes: string;
  /** Airtable's own: moved by every write that changes something, and nobody can set it. */
  readonly updatedAt: string;
};

export type ChangedRows = {
  readonly rows: readonly SeenRow[];
  /** False: there are more, changed later than these. */
  readonly isComplete: boolean;
};

export type RowQuery =
  | { readonly stratagemIds: readonly string[] }
  | { readonly recordIds: readonly string[] }
  /** Transfers from the processor to this citizen, written to since then; at most ROWS_PER_LOOK. */
  | { readonly paidTo: string; readonly since: string };

/** Every method throws Unavailable: reads with effect `none`; writes with `unknown` unless certainly refused. */
export type Venice = {
  /** Purses by username; a citizen who doesn't exist, or whose purse isn't a number, is left out. */
  purses(usernames: readonly string[]): Promise<ReadonlyMap<string, Millis>>;
  /** The address of the citizen's wallet; null without one, or without such a citizen. */
  walletOf(username: string): Promise<string | null>;
  findRows(query: RowQuery): Promise<readonly SeenRow[]>;
  /** Creates inert rows (`planned`: the game takes only `active`). Not idempotent: look first. */
  planRows(rows: readonly PaymentRow[]): Promise<readonly SeenRow[]>;
  /** Rows that pay from the processor's purse or have one of our ids, and were written to since then, the oldest first. */
  changedRows(since: string): Promise<ChangedRows>;
  /** Makes rows executable. Once per record: a row that was executed and is activated again pays twice. */
  activateRows(recordIds: readonly string[]): Promise<readonly SeenRow[]>;
  /** Makes rows unexecutable for good (cancelled, amount 0), their old notes kept as text. */
  voidRows(rows: readonly SeenRow[]): Promise<void>;
};
