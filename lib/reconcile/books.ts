/** The books' side of the comparison, and the one statement of each repair: as the database's owner, or for an admin's session. */
import * as z from "zod";
import type { App } from "../app.ts";
import { centsColumn, millisColumn, timeColumn } from "../db/columns.ts";
import { sql, type Statement } from "../db/port.ts";

/** Who asks: the owner's connection may do all, an admin what his session may. */
export type Asker = { readonly kind: "operator" } | { readonly kind: "admin"; readonly sessionId: string };

const purchaseColumn = z.object({
  id: z.string(),
  isCredited: z.boolean(),
  payment: z.string().nullable(),
  amountCents: centsColumn,
  /** What the books hold as paid, corrections included. */
  bookedCents: centsColumn,
  currency: z.string(),
  livemode: z.boolean(),
  openedAt: timeColumn,
  isForVenice: z.boolean(),
  /** Whole ducats that Venice should get when there is no delivery. */
  undeliveredMillis: millisColumn,
  burnedMillis: millisColumn,
  /** What its refunds and lost disputes should have taken. */
  burnDueMillis: millisColumn,
  /** Frozen or at risk, and what should be: for open disputes and refunds on their way. */
  setAsideMillis: millisColumn,
  setAsideDueMillis: millisColumn,
  isDisputed: z.boolean(),
});

const deliveryColumn = z.object({
  id: z.string(),
  purchaseId: z.string().nullable(),
  millis: millisColumn,
  status: z.enum(["pending", "planned", "active", "executed", "rejected", "uncertain", "cancelled"]),
  recordId: z.string().nullable(),
  isAlerted: z.boolean(),
});

const standingColumn = z.object({
  id: z.string(),
  payment: z.string(),
  status: z.string(),
  amountCents: centsColumn,
  createdAt: timeColumn,
});

const reserveColumn = z.object({
  version: z.int(),
  /** What the purse holds if nothing but ours has moved it. */
  explainedMillis: millisColumn,
  /** Under way or uncertain: each may have been paid, or not. */
  mayHaveLeftMillis: millisColumn,
  /** Top-ups and ducats that are fetched back. */
  mayHaveComeMillis: millisColumn,
});

const booksColumn = z.object({
  purchases: z.array(purchaseColumn),
  deliveries: z.array(deliveryColumn),
  refunds: z.array(standingColumn),
  disputes: z.array(standingColumn),
  /** Refund requests that Stripe has not answered yet. */
  askedRefunds: z.array(z.string()),
  /** Payments in quarantine. */
  setAside: z.array(z.object({ payment: z.string(), purchaseId: z.string().nullable() })),
  /** Rows whose difference is in the books. */
  writtenOff: z.array(z.string()),
  /** Findings that a person was told of, because no command can mend them. */
  told: z.array(z.string()),
  reserve: reserveColumn.nullable(),
});

export type Books = z.output<typeof booksColumn>;
export type BookedPurchase = z.output<typeof purchaseColumn>;
export type BookedDelivery = z.output<typeof deliveryColumn>;

/** What Stripe and Venice named, beside what the books themselves have in the time. */
export type Named = {
  readonly purchases: readonly string[];
  readonly payments: readonly string[];
  readonly deliveries: readonly string[];
  readonly records: readonly string[];
};

const refused = z.enum(["unauthorised", "not_found"]);
type Refused = z.output<typeof refused>;

/** Before anybody else is asked. */
export async function mayReconcile(app: Pick<App, "db" | "clock">, by: Asker): Promise<Refused | "ok"> {
  if (by.kind === "operator") return "ok";
  const { may } = await app.db.one(
    sql`select may_reconcile(${app.clock()}::timestamptz, ${by.sessionId}) as may`,
    z.object({ may: z.enum(["ok", ...refused.options]) }),
  );
  return may;
}

const readColumn = z.discriminatedUnion("kind", [
  z.object({ kind: refused }),
  z.object({ kind: z.literal("ok"), books: booksColumn }),
]);

/** @throws DatabaseRefusal for an operator whose connection is not the owner's. */
export async function readBooks(
  app: Pick<App, "db" | "clock">,
  by: Asker,
  since: Date,
  named: Named,
): Promise<z.output<typeof readColumn>> {
  const wire = JSON.stringify(named);
  if (by.kind === "operator") {
    const { books } = await app.db.one(
      sql`select reconciliation_books(${since}::timestamptz, ${wire}::jsonb) as books`,
      z.object({ books: booksColumn }),
    );
    return { kind: "ok", books };
  }
  const { read } = await app.db.one(
    sql`select admin_reconciliation_books(${app.clock()}::timestamptz, ${by.sessionId}, ${since}::timestamptz,
      ${wire}::jsonb) as read`,
    z.object({ read: readColumn }),
  );
  return read;
}

/** `told`: no command can mend it, and a person was alerted. `unchanged`: it was mended before, or is another by now. */
export const outcomeSchema = z.enum(["repaired", "told", "unchanged", ...refused.options]);
export type RepairOutcome = z.output<typeof outcomeSchema>;

/** `repair` says which of migration 0024's repairs; bigints travel as text. */
export type RepairWish = {
  readonly id: string;
  readonly repair: "payment" | "refunds" | "delivery" | "delivered" | "uncertain" | "purse";
} & Readonly<Record<string, unknown>>;

/** Answers one row, `received`: {outcome}. Once for the same thing, however often. */
export function repairStatement(app: Pick<App, "clock" | "visit">, by: Asker, wish: RepairWish): Statement {
  const wire = JSON.stringify(wish, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  return by.kind === "operator"
    ? sql`select jsonb_build_object('outcome', repair_finding(${app.clock()}::timestamptz, '{}', 'operator',
        ${wire}::jsonb)) as received`
    : sql`select jsonb_build_object('outcome', admin_repair_finding(${app.clock()}::timestamptz, ${app.visit}::jsonb,
        ${by.sessionId}, ${wire}::jsonb)) as received`;
}

export async function repairInBooks(
  app: Pick<App, "db" | "clock" | "visit">,
  by: Asker,
  wish: RepairWish,
): Promise<RepairOutcome> {
  const { received } = await app.db.one(
    repairStatement(app, by, wish),
    z.object({ received: z.object({ outcome: outcomeSchema }) }),
  );
  return received.outcome;
}
