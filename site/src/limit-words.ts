/** What a limit leaves to buy, and until when, for a price that is above it. */
import { timeElement } from "./dates.ts";
import { make } from "./dom.ts";
import { printDollars } from "./money.ts";
import type { LimitLeft } from "./wire.ts";

export function limitView({ limit, leftCents, resetsAt }: LimitLeft): HTMLElement {
  const left = printDollars(BigInt(leftCents));
  const view = make("p", { class: "quote-limit", "data-testid": "quote-limit" });
  if (resetsAt === null) view.append(`One payment may be ${left} at most. Choose less.`);
  else
    view.append(
      `${leftCents > 0 ? `${left} more` : "No more"} can be paid ${ofWhom(limit)}: there is new room from `,
      timeElement(resetsAt),
      ". Payment pages that you left open count until they end.",
    );
  return view;
}

function ofWhom(limit: string): string {
  const period = limit.endsWith("day") ? "today" : "this month";
  return `${limit.startsWith("citizen") ? "for your citizen" : "from your account"} ${period}`;
}
