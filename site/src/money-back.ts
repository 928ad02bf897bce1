/** Money that goes back: refunds and disputes of a purchase, in words and steps. Pure. */
import { ducats, printDollars } from "./money.ts";
import type { Step, View } from "./timeline.ts";
import type { Happening, Purchase } from "./wire.ts";

type Words = Pick<Step, "mark" | "note">;

const refunds: Readonly<Record<string, Words>> = {
  asked: { mark: "now", note: "Being arranged" },
  pending: { mark: "now", note: "On its way to you" },
  requires_action: { mark: "now", note: "On its way to you" },
  succeeded: { mark: "done", note: "Sent back the way you paid; your bank may take some days to show it" },
  failed: { mark: "stopped", note: "Your bank did not take it" },
  canceled: { mark: "stopped", note: "Called off" },
};

const disputes: Readonly<Record<string, Words>> = {
  warning_needs_response: { mark: "now", note: "Your bank has asked about this payment" },
  warning_under_review: { mark: "now", note: "Your bank has asked about this payment" },
  warning_closed: { mark: "done", note: "Your bank has closed it; the payment stands" },
  prevented: { mark: "done", note: "Your bank has closed it" },
  needs_response: { mark: "now", note: "Your bank holds the payment while it decides" },
  under_review: { mark: "now", note: "Your bank holds the payment while it decides" },
  won: { mark: "done", note: "Decided: the payment stands" },
  lost: { mark: "stopped", note: "Decided: your bank gave the payment back to you" },
};

const goingBack = ["asked", "pending", "requires_action", "succeeded"];
const held = ["needs_response", "under_review"];

const recalls: Readonly<Record<string, Words>> = {
  asked: { mark: "now", note: "Being fetched back from the purse in Venice" },
  done: { mark: "done", note: "Fetched back from the purse in Venice" },
  failed: { mark: "stopped", note: "They did not come; it is tried again later" },
};

type Part = { readonly kind: "Refund" | "Dispute"; readonly status: string; readonly cents: number };

function partOf({ kind, status = "", usdCents = 0 }: Happening): Part | undefined {
  if (kind === "refund_asked") return { kind: "Refund", status: "asked", cents: usdCents };
  if (kind === "refund") return { kind: "Refund", status, cents: usdCents };
  if (kind === "dispute") return { kind: "Dispute", status, cents: usdCents };
  return undefined;
}

const dollars = (cents: number): string => printDollars(BigInt(cents));

/** Each refund and dispute as it stands: what it was before is over. */
function standing(timeline: readonly Happening[]): readonly Happening[] {
  const last = new Map(timeline.map(({ id }, index) => [id, index]));
  return timeline.filter(({ id }, index) => id === undefined || last.get(id) === index);
}

/** The view of a purchase, and what goes back of it: the headline is the money's when all of it does. */
export function withMoneyBack(view: View, purchase: Purchase, timeline: readonly Happening[]): View {
  const now = standing(timeline);
  const steps = now.flatMap((each) => stepOf(each));
  if (steps.length === 0) return view;
  const ahead = view.steps.findIndex(({ mark }) => mark === "ahead");
  const more = { ...view, steps: view.steps.toSpliced(ahead < 0 ? view.steps.length : ahead, 0, ...steps) };
  if (purchase.status !== "paid") return more;
  const parts = now.map(partOf).filter((part) => part !== undefined);
  const sum = (kind: Part["kind"], ...of: readonly string[]) =>
    parts
      .filter((part) => part.kind === kind && of.includes(part.status))
      .reduce((cents, part) => cents + part.cents, 0);
  const disputed = sum("Dispute", ...held);
  const refunded = sum("Refund", ...goingBack);
  const lost = sum("Dispute", "lost");
  if (disputed > 0)
    return {
      ...more,
      state: "disputed",
      headline: "Disputed",
      detail: `Your bank holds ${dollars(disputed)} of this payment while it decides. ${setAside(purchase)}`,
      settled: false,
    };
  if (refunded + lost >= purchase.usdCents) {
    const isOver = sum("Refund", "succeeded") === refunded;
    return {
      ...more,
      state: "refunded",
      headline: isOver ? "Refunded" : "Being refunded",
      detail: `${dollars(refunded + lost)} ${isOver ? "went" : "is going"} back the way you paid. ${takenBack(purchase)}${fetchedBack(now)}`,
      settled: isOver,
    };
  }
  if (refunded + lost === 0) return more;
  const back = `${dollars(refunded + lost)} of the price went back, or is on its way.`;
  return { ...more, detail: `${view.detail} ${back} ${takenBack(purchase)}${fetchedBack(now)}` };
}

function fetchedBack(now: readonly Happening[]): string {
  const done = now.filter(({ kind, status }) => kind === "recall" && status === "done");
  const millis = done.reduce((sum, recall) => sum + (recall.millis ?? 0), 0);
  return millis === 0 ? "" : ` ${ducats(millis)} were fetched back from the purse in Venice for it.`;
}

/** All of a purchase's ducats gone back, or claimed back: then where they were is no longer what counts. */
export function takenState(purchase: Purchase): "money_back" | "on_hold" | undefined {
  const { totalMillis, burnedMillis, frozenMillis, atRiskMillis } = purchase;
  if (burnedMillis === totalMillis) return "money_back";
  return burnedMillis + frozenMillis + atRiskMillis === totalMillis ? "on_hold" : undefined;
}

function setAside({ frozenMillis }: Purchase): string {
  return frozenMillis === 0 ? "" : `${ducats(frozenMillis)} of it are set aside until then.`;
}

function takenBack({ burnedMillis, frozenMillis }: Purchase): string {
  if (burnedMillis > 0)
    return `Its ${ducats(burnedMillis)} were taken back; any that your wallet no longer had, you owe.`;
  return frozenMillis > 0 ? `Its ${ducats(frozenMillis)} are set aside.` : "";
}

function stepOf(happening: Happening): readonly Step[] {
  const { kind, at, millis = 0, status = "" } = happening;
  if (kind === "recall") {
    const recall = recalls[status];
    return recall ? [{ title: `Return of ${ducats(millis)}`, at, ...recall }] : [];
  }
  const part = partOf(happening);
  const words = part && (part.kind === "Refund" ? refunds : disputes)[part.status];
  if (!part || !words) return [];
  return [{ title: `${part.kind} of ${dollars(part.cents)}`, at: happening.at, ...words }];
}

/** What a purchase's facts say of it, when there is anything to say. */
export function takenFacts(purchase: Purchase): readonly (readonly [string, string])[] {
  const { burnedMillis, frozenMillis, atRiskMillis } = purchase;
  const rows = [
    ["Taken back", burnedMillis],
    ["Set aside", frozenMillis],
    ["Still to be set aside", atRiskMillis],
  ] as const;
  return rows.filter(([, millis]) => millis > 0).map(([term, millis]) => [term, ducats(millis)]);
}
