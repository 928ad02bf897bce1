/** Stripe, the books and Venice side by side over a window of time. Writes nothing. */
import type { App } from "../app.ts";
import type { Millis } from "../money.ts";
import { readChanges, readStripe } from "./at-stripe.ts";
import { mayReconcile, readBooks, type Asker, type Books, type Named } from "./books.ts";
import type { Finding } from "./finding.ts";
import { inTurns } from "./in-turns.ts";
import { readPurse, readRows } from "./in-venice.ts";
import { deliveriesIn, judgeDeliveries, type InVenice } from "./judge-deliveries.ts";
import { judgePayments, mayHaveChanged, type AtStripe } from "./judge-payments.ts";

export type Ports = Pick<App, "db" | "stripeLists" | "stripeHistory" | "venice" | "clock" | "env">;

export type Compared = {
  readonly kind: "compared";
  readonly since: Date;
  readonly until: Date;
  readonly findings: readonly Finding[];
  /** Found, and left to a person who was told. */
  readonly told: readonly Finding[];
  readonly looked: {
    readonly payments: number;
    readonly purchases: number;
    readonly deliveries: number;
    readonly rows: number;
    /** Null while it moves or can't be read. */
    readonly purseMillis: Millis | null;
    /** What the books explain of it; null before its first reading. */
    readonly explainedMillis: Millis | null;
  };
  /** The reserve's version that the purse was read at. */
  readonly version: number | null;
};

export type CompareOutcome =
  | Compared
  /** More than can be read in the time given: a shorter window, or more time. */
  | { readonly kind: "too_long" }
  | { readonly kind: "unauthorised" | "not_found" };

/** A purse that moves while it is read beside the books says nothing: so often it is tried. */
const looks = 3;

/**
 * The others are read before the books, so that what is under way meanwhile is in the books, and not missing there.
 * @throws Unavailable; DatabaseRefusal for an operator whose connection is not the owner's.
 */
export async function compare(
  app: Ports,
  by: Asker,
  since: Date,
  hasTime: () => boolean = () => true,
): Promise<CompareOutcome> {
  const may = await mayReconcile(app, by);
  if (may !== "ok") return { kind: may };
  const until = app.clock();
  const listed = await readStripe(app, since, hasTime);
  const rows = listed && (await readRows(app, since, hasTime));
  if (!rows) return { kind: "too_long" };
  const beside = await readBeside(app, by, since, namedBy(listed, rows));
  if (beside.kind !== "ok") return beside;
  const { books, purseMillis } = beside;
  const stripe = await readRest(app, listed, books, hasTime);
  if (!stripe) return { kind: "too_long" };
  refuseOtherAccount(stripe, books);
  const venice = { rows: await readAgain(app, rows, books), purseMillis };
  const found = [...judgePayments(stripe, books, since, until), ...judgeDeliveries(books, venice)];
  const told = new Set(books.told);
  return {
    kind: "compared",
    since,
    until,
    findings: found.filter(({ id }) => !told.has(id)),
    told: found.filter(({ id }) => told.has(id)),
    looked: {
      payments: stripe.payments.length,
      purchases: books.purchases.length,
      deliveries: books.deliveries.length,
      rows: rows.length,
      purseMillis,
      explainedMillis: books.reserve?.explainedMillis ?? null,
    },
    version: books.reserve?.version ?? null,
  };
}

function namedBy({ payments, sessions, refunds, disputes }: AtStripe, rows: InVenice["rows"]): Named {
  const some = (ids: readonly (string | null)[]) => [...new Set(ids.flatMap((id) => id ?? []))];
  return {
    purchases: some([...payments, ...sessions].map(({ purchaseId }) => purchaseId)),
    payments: some([
      ...payments.map(({ id }) => id),
      ...[...refunds, ...disputes].map(({ payment }) => payment),
    ]),
    deliveries: some(rows.flatMap(deliveriesIn)),
    records: rows.map(({ recordId }) => recordId),
  };
}

/** The books, with the purse on both sides of them: when it stood still, they are one picture. */
async function readBeside(app: Ports, by: Asker, since: Date, named: Named) {
  for (let look = 1; ; look += 1) {
    const before = await readPurse(app);
    const read = await readBooks(app, by, since, named);
    if (read.kind !== "ok") return read;
    const isStill = before !== undefined && (await readPurse(app)) === before;
    if (isStill || before === undefined || look === looks)
      return { ...read, purseMillis: isStill ? before : null };
  }
}

/** Payments of the books that were begun before the window, or after the list was read; and what changed just now. */
async function readRest(
  app: Ports,
  listed: AtStripe,
  books: Books,
  hasTime: () => boolean,
): Promise<AtStripe | null> {
  const payments = [...listed.payments];
  const known = new Set(payments.map(({ id }) => id));
  const missing = books.purchases.flatMap(({ payment, isCredited, bookedCents }) =>
    payment !== null && isCredited && bookedCents !== 0n && !known.has(payment) ? [payment] : [],
  );
  const isDone = await inTurns(missing, hasTime, async (id) => {
    const payment = await app.stripeLists.payment(id);
    if (payment) payments.push(payment);
  });
  if (!isDone) return null;
  const changedLately = mayHaveChanged(listed, books) ? await readChanges(app) : listed.changedLately;
  return { ...listed, payments, changedLately };
}

/** With another account's key every credit would look unpaid, and be taken back. */
function refuseOtherAccount({ payments, livemode }: AtStripe, { purchases }: Books): void {
  const credited = purchases.filter(
    (each) =>
      each.isCredited && each.livemode === livemode && each.payment !== null && each.bookedCents !== 0n,
  );
  const known = new Set(payments.map(({ id }) => id));
  if (credited.length > 0 && !credited.some(({ payment }) => known.has(payment ?? "")))
    throw new Error(
      `Stripe knows none of the ${credited.length} payments that the books name: is STRIPE_SECRET_KEY another account's? ` +
        "Nothing was changed. If it is not, compare a longer time, with payments that Stripe knows.",
    );
}

/** A row that was read while it waited may have been paid, and its delivery concluded, before the books were read. */
async function readAgain(app: Ports, rows: InVenice["rows"], books: Books): Promise<InVenice["rows"]> {
  const ended = new Set(
    books.deliveries.filter(({ status }) => status === "executed").map(({ recordId }) => recordId),
  );
  const recordIds = rows
    .filter(({ recordId, status }) => ended.has(recordId) && status !== "executed")
    .map(({ recordId }) => recordId);
  if (recordIds.length === 0) return rows;
  const again = new Map((await app.venice.findRows({ recordIds })).map((row) => [row.recordId, row]));
  return rows.map((row) => again.get(row.recordId) ?? row);
}
