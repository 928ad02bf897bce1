/** A price that holds: what is charged, what comes for it, to whom, at which rate, and until when. */
import { timeElement } from "./dates.ts";
import { make } from "./dom.ts";
import { limitView } from "./limit-words.ts";
import { printDollars, printDucats, printRate } from "./money.ts";
import type { Offer } from "./order.ts";
import type { Quote } from "./wire.ts";

export function quoteView({ quote, until }: Offer, what: string): HTMLElement {
  const bonus = quote.bonusMillis > 0 ? `, ${printDucats(BigInt(quote.bonusMillis))} of them a bonus` : "";
  return make(
    "div",
    { class: "quote", "data-testid": "quote" },
    make("p", { class: "soft small" }, sentenceCase(what)),
    make(
      "p",
      { class: "quote-sum" },
      make("b", {}, printDollars(BigInt(quote.amountCents))),
      ` for ${printDucats(BigInt(quote.totalMillis))} ducats${bonus}`,
    ),
    ...discountLine(quote),
    make(
      "p",
      { class: "soft small" },
      `At ${printRate(BigInt(quote.rate.microUsdPerDucat))} a ducat. This price is yours until `,
      timeElement(until, "clock"),
      ".",
    ),
    ...(quote.debtMillis > 0 ? [make("p", {}, debtWords(quote.debtMillis))] : []),
    ...(quote.limitReached ? [limitView(quote.limitReached)] : []),
  );
}

function discountLine({ amountCents, discountCents }: Quote): HTMLElement[] {
  if (discountCents === 0) return [];
  const [price, off] = [amountCents + discountCents, discountCents].map((cents) =>
    printDollars(BigInt(cents)),
  );
  return [make("p", { "data-testid": "quote-discount" }, `${price} less ${off} by your promotion code`)];
}

export function debtWords(debtMillis: number): string {
  return `You owe ${printDucats(BigInt(debtMillis))} ducats of an earlier payment that went back. This order repays them first; the rest is yours.`;
}

export function quoteActions(quote: Quote, pay: () => void, leave: () => void): readonly HTMLElement[] {
  const yes = make(
    "button",
    { class: "button", type: "button", "data-testid": "pay-quote" },
    quote.amountCents === 0 ? "Go on, nothing to pay" : `Pay ${printDollars(BigInt(quote.amountCents))}`,
  );
  const no = make(
    "button",
    { class: "button quiet", type: "button", "data-testid": "leave-quote" },
    "Not now",
  );
  yes.addEventListener("click", pay);
  no.addEventListener("click", leave);
  // Above a limit it would be refused: the words beside it say what can be done.
  return quote.limitReached ? [no] : [yes, no];
}

function sentenceCase(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
