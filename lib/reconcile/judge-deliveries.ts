/**
 * The books' deliveries beside Venice's rows and the processor's purse. Pure.
 *
 * Anyone can write a row, so that one alone finds nothing: what rows claim beyond the books is believed as far as the purse is
 * short of what the books explain, or has more (decision 5).
 */
import { paidIn } from "../delivery/evidence.ts";
import { millis, type Millis } from "../money.ts";
import { PROCESSOR } from "../processor.ts";
import type { SeenRow } from "../venice/port.ts";
import type { BookedDelivery, Books } from "./books.ts";
import type { Finding } from "./finding.ts";

export type InVenice = {
  readonly rows: readonly SeenRow[];
  /** Null while it moves, or can't be read: then nothing is said of it. */
  readonly purseMillis: Millis | null;
};

/** `extra`: what the row took from the purse beyond what the books say. */
type Claim = { readonly finding: Finding; readonly extra: bigint };

export function judgeDeliveries(books: Books, venice: InVenice): Finding[] {
  return [...missingDeliveries(books), ...untold(books), ...judgePurse(books, venice)];
}

/** A delivery that was named in a row, by either transport. */
export function deliveriesIn({
  stratagemId,
  notes,
}: Pick<SeenRow, "stratagemId" | "notes">): readonly string[] {
  return [...new Set(`${stratagemId}\n${notes}`.match(/dlv_[0-9a-z]{20}/g) ?? [])];
}

function missingDeliveries({ purchases, deliveries }: Books): Finding[] {
  const sent = new Set(deliveries.map(({ purchaseId }) => purchaseId));
  return purchases
    .filter(
      ({ id, isCredited, isForVenice, isDisputed, undeliveredMillis }) =>
        isCredited && isForVenice && !isDisputed && undeliveredMillis > 0n && !sent.has(id),
    )
    .map(({ id, undeliveredMillis }) => ({
      kind: "credited-not-delivered",
      id: `credited-not-delivered:${id}`,
      purchaseId: id,
      deliveryId: null,
      recordId: null,
      why: "not_sent",
      millis: undeliveredMillis,
    }));
}

function untold({ deliveries }: Books): Finding[] {
  return deliveries
    .filter(({ status, isAlerted }) => status === "uncertain" && !isAlerted)
    .map(({ id, purchaseId, recordId, millis: amount }) => ({
      kind: "credited-not-delivered",
      id: `credited-not-delivered:${id}`,
      purchaseId,
      deliveryId: id,
      recordId,
      why: "not_told",
      millis: amount,
    }));
}

function judgePurse(books: Books, { rows, purseMillis }: InVenice): Finding[] {
  const { reserve } = books;
  if (reserve === null || purseMillis === null) return [];
  const { explainedMillis, mayHaveLeftMillis, mayHaveComeMillis } = reserve;
  /** How much less the purse holds than it may, at least; below zero: how much more. */
  const beyond = (missing: bigint): bigint => {
    if (missing > mayHaveLeftMillis) return missing - mayHaveLeftMillis;
    return missing < 0n - mayHaveComeMillis ? missing + mayHaveComeMillis : 0n;
  };
  let missing = explainedMillis - purseMillis;
  const claims = claimsOf(books, rows);
  const all = claims.reduce((sum, { extra }) => sum + extra, 0n);
  const believed = beyond(missing - all) === 0n && beyond(missing) !== 0n ? claims : [];
  // Not all of it is so: one after the other, as far as the purse goes.
  const some = claims.filter(({ extra }) => {
    if (believed.length > 0) return false;
    const rest = beyond(missing);
    const fits = extra > 0n ? extra <= rest : extra >= rest;
    if (fits) missing -= extra;
    return fits;
  });
  if (believed.length > 0) missing -= all;
  const found = [...believed, ...some].map(({ finding }) => finding);
  const moved = beyond(missing);
  if (moved === 0n) return found;
  // Ordered: the write-off of what rows explain comes before the rest, which is measured from there.
  const claimed = [...believed, ...some].reduce((sum, { extra }) => sum + extra, 0n);
  return [
    ...found,
    {
      kind: "purse-moved-unexplained",
      id: `purse-moved-unexplained:${moved}`,
      explainedMillis: millis(explainedMillis - claimed),
      purseMillis,
      movedMillis: millis(moved),
    },
  ];
}

/** Deliveries that are over, and what their rows say was paid: the oldest row first. */
function claimsOf({ deliveries, writtenOff }: Books, rows: readonly SeenRow[]): Claim[] {
  const known = new Map(deliveries.map((delivery) => [delivery.id, delivery]));
  const done = new Set(writtenOff);
  return rows
    .filter(
      ({ recordId, type, executedBy }) =>
        type === "transfer_ducats" && executedBy === PROCESSOR && !done.has(recordId),
    )
    .flatMap((row): Claim[] => {
      const [id, ...others] = deliveriesIn(row);
      const delivery = known.get(id ?? "");
      return delivery && others.length === 0 ? claimOf(delivery, row) : [];
    });
}

function claimOf(delivery: BookedDelivery, row: SeenRow): Claim[] {
  const { id, purchaseId, millis: booked, status } = delivery;
  const { recordId } = row;
  const times = paidIn(row);
  const paid = millis(times.reduce((sum, each) => sum + each, 0n));
  const about = { purchaseId, deliveryId: id, recordId };
  const isReturned = status === "rejected" || status === "cancelled";
  const isOwn = recordId === delivery.recordId;
  if (isReturned || (status === "executed" && !isOwn))
    return paid === 0n ? [] : [twice({ ...about, millis: paid, isReturned })];
  if (status !== "executed" || paid === booked) return [];
  if (paid === 0n)
    return [
      {
        finding: {
          kind: "credited-not-delivered",
          id: `credited-not-delivered:${recordId}`,
          why: "not_paid",
          ...about,
          millis: booked,
        },
        extra: 0n - booked,
      },
    ];
  if (times.length > 1 && paid > booked)
    return [twice({ ...about, millis: millis(paid - booked), isReturned: false })];
  return [
    {
      finding: {
        kind: "amount-mismatch",
        id: `amount-mismatch:${recordId}`,
        purchaseId,
        between: { what: "delivery", deliveryId: id, recordId, bookedMillis: booked, paidMillis: paid },
      },
      extra: paid - booked,
    },
  ];
}

function twice(about: Omit<Extract<Finding, { kind: "delivered-twice" }>, "kind" | "id">): Claim {
  return {
    finding: { kind: "delivered-twice", id: `delivered-twice:${about.recordId}`, ...about },
    extra: about.millis,
  };
}
