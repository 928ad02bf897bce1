/** Stripe's payments, refunds and disputes beside the books. Pure. */
import { MINUTE_MS, SECOND_MS } from "../clock.ts";
import { cents } from "../money.ts";
import type { ListedDispute, ListedPayment, ListedRefund, ListedSession } from "../stripe/lists.ts";
import type { BookedPurchase, Books } from "./books.ts";
import type { Finding } from "./finding.ts";

export type AtStripe = {
  readonly payments: readonly ListedPayment[];
  readonly sessions: readonly ListedSession[];
  readonly refunds: readonly ListedRefund[];
  readonly disputes: readonly ListedDispute[];
  /** Refunds and disputes of which Stripe has said something new just now: the webhook has its turn first. */
  readonly changedLately: ReadonlySet<string>;
  /** Whether the key's payments are real ones: the other mode's are none of its business. */
  readonly livemode: boolean;
};

/** The webhook brings it within seconds, `reconcile-stripe` within twelve minutes. */
export const underWayMs = 15 * MINUTE_MS;

export function judgePayments(stripe: AtStripe, books: Books, since: Date, now: Date): Finding[] {
  const isYoung = (seconds: number) => seconds * SECOND_MS > now.getTime() - underWayMs;
  const setAside = new Set(books.setAside.map(({ payment }) => payment));
  const byId = new Map(books.purchases.map((purchase) => [purchase.id, purchase]));
  const byPayment = new Map(
    books.purchases.flatMap((purchase) =>
      purchase.payment === null ? [] : [[purchase.payment, purchase] as const],
    ),
  );
  const purchaseOf = (payment: ListedPayment) =>
    byPayment.get(payment.id) ?? byId.get(payment.purchaseId ?? "");
  const payments = stripe.payments.filter(({ livemode }) => livemode === stripe.livemode);

  const received = payments.flatMap((payment): Finding[] => {
    const purchase = purchaseOf(payment);
    if (!purchase || payment.paidAt === null || setAside.has(payment.id)) return [];
    const isCredited = purchase.isCredited && purchase.payment === payment.id;
    if (!isCredited && isYoung(payment.paidAt)) return [];
    return receivedFindings(purchase, payment, isCredited);
  });
  const free = stripe.sessions.flatMap((session): Finding[] => {
    const purchase = byId.get(session.purchaseId ?? "");
    const isOurs = session.isFree && session.livemode === stripe.livemode && purchase?.amountCents === 0n;
    if (!isOurs || purchase.isCredited || setAside.has(session.id) || isYoung(session.created)) return [];
    return [
      {
        kind: "paid-not-credited",
        id: `paid-not-credited:${session.id}`,
        purchaseId: purchase.id,
        payment: null,
        sessionId: session.id,
        paidCents: cents(0n),
      },
    ];
  });
  const atStripe = new Map(payments.map((payment) => [payment.id, payment]));
  const freely = new Set(stripe.sessions.filter(({ isFree }) => isFree).map(({ purchaseId }) => purchaseId));
  const unpaid = books.purchases.flatMap((purchase): Finding[] => {
    if (!purchase.isCredited || purchase.livemode !== stripe.livemode) return [];
    // Nothing was asked for: whether its page was completed can be seen only of pages that are in the list.
    if (purchase.amountCents === 0n && purchase.payment === null)
      return freely.has(purchase.id) || Date.parse(purchase.openedAt) < since.getTime()
        ? []
        : [notPaid(purchase, null)];
    const payment = atStripe.get(purchase.payment ?? "");
    if (purchase.bookedCents === 0n || payment?.status === "succeeded") return [];
    return [notPaid(purchase, payment?.status ?? null)];
  });
  return [...received, ...free, ...unpaid, ...judgeReversals(stripe, books, since, isYoung, byPayment)];
}

function receivedFindings(
  purchase: BookedPurchase,
  { id, receivedCents, currency }: ListedPayment,
  isCredited: boolean,
): Finding[] {
  const paidCents = cents(BigInt(receivedCents));
  const booked = isCredited ? purchase.bookedCents : cents(0n);
  const isSameCurrency = currency === purchase.currency;
  if (isCredited && isSameCurrency && booked === paidCents) return [];
  if (isSameCurrency && booked === 0n && paidCents === purchase.amountCents)
    return [
      {
        kind: "paid-not-credited",
        id: `paid-not-credited:${id}`,
        purchaseId: purchase.id,
        payment: id,
        sessionId: null,
        paidCents,
      },
    ];
  return [
    {
      kind: "amount-mismatch",
      id: `amount-mismatch:${id}`,
      purchaseId: purchase.id,
      between: {
        what: "payment",
        payment: id,
        bookedCents: isCredited ? booked : purchase.amountCents,
        paidCents,
        currency,
      },
    },
  ];
}

function notPaid({ id, payment, bookedCents }: BookedPurchase, paymentStatus: string | null): Finding {
  return {
    kind: "credited-not-paid",
    id: `credited-not-paid:${id}`,
    purchaseId: id,
    payment,
    creditedCents: bookedCents,
    paymentStatus,
  };
}

/** One finding for each payment; what was never credited has its own. */
function judgeReversals(
  { refunds, disputes, changedLately }: AtStripe,
  books: Books,
  since: Date,
  isYoung: (seconds: number) => boolean,
  byPayment: ReadonlyMap<string, BookedPurchase>,
): Finding[] {
  const purchaseOf = new Map<string, string | null>([
    ...[...byPayment]
      .filter(([, { isCredited }]) => isCredited)
      .map(([payment, { id }]) => [payment, id] as const),
    ...books.setAside.map(({ payment, purchaseId }) => [payment, purchaseId] as const),
  ]);
  const asked = new Set(books.askedRefunds);
  const booked = {
    refund: new Map(books.refunds.map((each) => [each.id, each])),
    dispute: new Map(books.disputes.map((each) => [each.id, each])),
  };
  const differing = [
    ...refunds.filter(
      (each) =>
        differs(each, booked.refund.get(each.id), refundStanding, "failed") &&
        !asked.has(each.requestId ?? ""),
    ),
    ...disputes.filter((each) => differs(each, booked.dispute.get(each.id), disputeStanding, "prevented")),
    ...unknown(since, books.refunds, refunds, refundStanding, "failed"),
    ...unknown(since, books.disputes, disputes, disputeStanding, "prevented"),
  ].filter(({ id, created }) => !isYoung(created) && !changedLately.has(id));
  const found = new Map<string, { objects: string[]; amount: bigint }>();
  for (const { id, payment, amountCents } of differing) {
    // One that was never credited has a finding of its own.
    if (payment === null || !purchaseOf.get(payment)) continue;
    const one = found.get(payment) ?? { objects: [], amount: 0n };
    found.set(payment, { objects: [...one.objects, id], amount: one.amount + BigInt(amountCents) });
  }
  for (const { payment, isCredited, ...millis } of books.purchases)
    if (payment !== null && isCredited && !isFollowed(millis) && !found.has(payment))
      found.set(payment, { objects: [], amount: 0n });
  return [...found].map(([payment, { objects, amount }]) => ({
    kind: "refunded-not-reversed",
    id: `refunded-not-reversed:${payment}`,
    purchaseId: purchaseOf.get(payment) ?? "",
    payment,
    objects,
    cents: cents(amount),
  }));
}

type Taken = Pick<BookedPurchase, "burnedMillis" | "burnDueMillis" | "setAsideMillis" | "setAsideDueMillis">;

function isFollowed({ burnedMillis, burnDueMillis, setAsideMillis, setAsideDueMillis }: Taken): boolean {
  return burnedMillis === burnDueMillis && setAsideMillis === setAsideDueMillis;
}

type Listed = { readonly id: string; readonly status: string; readonly amountCents: number };

/** In standing, or in amount where it has one. @param none of what neither side counts. */
function differs(
  { status, amountCents }: Listed,
  booked: Books["refunds"][number] | undefined,
  standing: (status: string) => string,
  none: string,
): boolean {
  if (standing(status) !== standing(booked?.status ?? none)) return true;
  return standing(status) !== standing(none) && booked?.amountCents !== BigInt(amountCents);
}

/** What the books have of the time, and Stripe's list has not. */
function unknown(
  since: Date,
  booked: Books["refunds"],
  listed: readonly Listed[],
  standing: (status: string) => string,
  none: string,
) {
  const known = new Set(listed.map(({ id }) => id));
  return booked
    .filter(
      ({ id, status, createdAt }) =>
        !known.has(id) && standing(status) !== standing(none) && Date.parse(createdAt) >= since.getTime(),
    )
    .map(({ id, payment, amountCents, createdAt }) => ({
      ...{ id, payment, amountCents },
      created: Math.floor(Date.parse(createdAt) / SECOND_MS),
    }));
}

/** On its way, ducats are frozen; when it has arrived, they are gone (decision 16). */
function refundStanding(status: string): "on_its_way" | "arrived" | "back" {
  if (status === "succeeded") return "arrived";
  return ["pending", "requires_action"].includes(status) ? "on_its_way" : "back";
}

function disputeStanding(status: string): "open" | "lost" | "none" {
  if (status === "lost") return "lost";
  return ["needs_response", "under_review"].includes(status) ? "open" : "none";
}

/** Refunds and disputes that differ from the books: of these it is asked whether they changed just now. */
export function mayHaveChanged(
  { refunds, disputes }: Pick<AtStripe, "refunds" | "disputes">,
  books: Books,
): boolean {
  const known = new Map([...books.refunds, ...books.disputes].map(({ id, status }) => [id, status]));
  return [...refunds, ...disputes].some(({ id, status }) => (known.get(id) ?? status) !== status);
}
