/** Findings as an operator reads them: what is wrong, with whose ids and figures, and what the repair does. Pure. */
import { printCents, printDucats } from "../../lib/money.ts";
import type { Compared } from "../../lib/reconcile/compare.ts";
import type { Finding } from "../../lib/reconcile/finding.ts";
import type { Repaired } from "../../lib/reconcile/repair.ts";

export const outcomeWords: Readonly<Record<Repaired["outcome"], string>> = {
  repaired: "repaired",
  told: "no command can mend it: a person was alerted",
  unchanged: "nothing done: it was mended meanwhile, or has changed",
  failed: "the books refused it: an alert says why",
  no_time: "not reached",
  unauthorised: "not allowed",
  not_found: "not allowed",
};

type Line = {
  readonly wrong: string;
  readonly what: string;
  readonly figures: string;
  readonly repair: string;
};

export function table(findings: readonly Finding[]): string {
  const head: Line = { wrong: "What is wrong", what: "With what", figures: "Figures", repair: "--fix" };
  const lines = [head, ...findings.map(lineOf)];
  const width = (of: (line: Line) => string) => Math.max(...lines.map((line) => of(line).length));
  const widths = [
    width(({ wrong }) => wrong),
    width(({ what }) => what),
    width(({ figures }) => figures),
  ] as const;
  return lines
    .map(({ wrong, what, figures, repair }) =>
      [wrong.padEnd(widths[0]), what.padEnd(widths[1]), figures.padEnd(widths[2]), repair]
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** What the repair of one does, in a sentence. */
export function describe(finding: Finding): string {
  const { what, repair } = lineOf(finding);
  return `${what}: ${repair}`;
}

export function summary({ since, until, findings, told, looked }: Compared): string {
  const { payments, purchases, deliveries, rows, purseMillis, explainedMillis } = looked;
  const purse =
    purseMillis === null
      ? "The processor's purse moved while it was read, or could not be read: nothing is said of it."
      : explainedMillis === null
        ? `The processor's purse holds ${printDucats(purseMillis)} ducats; no delivery has begun yet.`
        : `The processor's purse holds ${printDucats(purseMillis)} ducats; the books explain ${printDucats(explainedMillis)}.`;
  const left = told.length > 0 ? `\n${told.length} more wait for a person, who was alerted.` : "";
  return (
    `From ${since.toISOString()} to ${until.toISOString()}: ${payments} payments, ${purchases} purchases, ` +
    `${deliveries} deliveries, ${rows} rows in Venice.\n${purse}\n` +
    `${findings.length === 0 ? "All three agree." : `${findings.length} ${findings.length === 1 ? "thing is" : "things are"} wrong.`}${left}`
  );
}

function lineOf(finding: Finding): Line {
  switch (finding.kind) {
    case "paid-not-credited":
      return {
        wrong: "Paid, and no ducats for it",
        what: ids(finding.purchaseId, finding.payment ?? finding.sessionId),
        figures: printCents(finding.paidCents),
        repair: "credit it, as Stripe's own message would have",
      };
    case "credited-not-paid":
      return {
        wrong: "Ducats, and nothing paid",
        what: ids(finding.purchaseId, finding.payment),
        figures: `${printCents(finding.creditedCents)}, ${finding.paymentStatus ?? "unknown to Stripe"}`,
        repair: "take the ducats back; what was spent is owed",
      };
    case "credited-not-delivered":
      return {
        ...{
          what: ids(finding.purchaseId, finding.deliveryId),
          figures: `${printDucats(finding.millis)} ducats`,
        },
        ...undelivered[finding.why],
      };
    case "delivered-twice":
      return {
        wrong: finding.isReturned ? "Delivered, and given back as well" : "Delivered twice",
        what: ids(finding.deliveryId, finding.recordId),
        figures: `${printDucats(finding.millis)} ducats`,
        repair: "write the second ones off as given away; alert",
      };
    case "amount-mismatch":
      return mismatch(finding);
    case "refunded-not-reversed":
      return {
        wrong: "Money went back, its ducats did not",
        what: ids(finding.purchaseId, finding.payment, ...finding.objects),
        figures: printCents(finding.cents),
        repair: "read refunds and disputes again, and follow them",
      };
    case "purse-moved-unexplained":
      return {
        wrong: "The processor's purse moved by something unknown",
        what: "-",
        figures:
          `${printDucats(finding.purseMillis)} ducats, ${printDucats(finding.explainedMillis)} explained: ` +
          `${printDucats(finding.movedMillis)} gone`,
        repair: "write the difference off; alert",
      };
  }
}

const undelivered = {
  not_sent: {
    wrong: "Meant for Venice, never sent",
    repair: "send them from the wallet, if it has them; else alert",
  },
  not_told: { wrong: "Waits for a decision, nobody was told", repair: "alert" },
  not_paid: {
    wrong: "Counts as arrived, Venice paid nothing",
    repair: "give the ducats back to the wallet; alert",
  },
} as const;

function mismatch({ purchaseId, between }: Extract<Finding, { kind: "amount-mismatch" }>): Line {
  if (between.what === "payment") {
    const { payment, bookedCents, paidCents, currency } = between;
    return {
      wrong: "Paid another amount",
      what: ids(purchaseId, payment),
      figures: `${printCents(bookedCents)} in the books, ${printCents(paidCents)} ${currency} paid`,
      repair: "follow what was paid: too little takes ducats back, too much is set aside for a person",
    };
  }
  const { deliveryId, recordId, bookedMillis, paidMillis } = between;
  return {
    wrong: "Venice paid another amount",
    what: ids(deliveryId, recordId),
    figures: `${printDucats(bookedMillis)} ducats in the books, ${printDucats(paidMillis)} paid`,
    repair: "write off what was too much, give back what was too little; alert",
  };
}

function ids(...names: readonly (string | null)[]): string {
  return names.filter((name) => name !== null).join(" ");
}
