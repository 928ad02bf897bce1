/** Places one order at a time: a price that holds, shown beside the form, then the payment page for just that. */
import { openCheckout, takeQuote, type Order } from "./api.ts";
import type { Refused, Silent } from "./call.ts";
import { make } from "./dom.ts";
import { forget, goodStill, remember, remembered, type Offer, type OrderInHand } from "./order.ts";
import { debtWords, quoteActions, quoteView } from "./quote-view.ts";
import { refusalWords } from "./refusal.ts";
import { signInPath } from "./return-path.ts";
import type { Checkout } from "./wire.ts";

export type Counter = {
  readonly place: (order: Order) => Promise<void>;
  readonly clear: () => void;
};

/** `wanted` is told when the order was changed here, so that the form shows it: another destination, or no promotion code. */
export function counter(
  place: HTMLElement,
  describe: (order: Order, citizen?: string) => string,
  wanted: (order: Order) => void,
): Counter {
  let busy = false;
  let ending: number | undefined;

  /** One thing at a time: a second press while the first is at work does nothing. */
  async function alone(act: () => Promise<void>): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      await act();
    } finally {
      busy = false;
    }
  }

  /** Shows the price of an order, the one that was shown before as long as it is good. */
  async function order(order: Order): Promise<void> {
    const known = goodStill(order, remembered(), new Date());
    if (known?.offer) show(known, known.offer);
    else await quoteAnew(order);
  }

  async function quoteAnew(order: Order, words?: string): Promise<void> {
    notice("working", [`One moment: we are asking for the price of ${describe(order)}.`]);
    // Remembered before the answer: it may be that he has to sign in first.
    remember({ order, offer: undefined, purchaseId: undefined, expiresAt: undefined });
    const answer = await takeQuote(order);
    if (answer.kind !== "ok") {
      refused(order, answer, () => quoteAnew(order));
      return;
    }
    const until = new Date(Date.now() + answer.body.expiresInSeconds * 1000).toISOString();
    const offer = { quote: answer.body, key: crypto.randomUUID(), until };
    const inHand = { order, offer, purchaseId: undefined, expiresAt: undefined };
    remember(inHand);
    show(inHand, offer, words);
  }

  function show(inHand: OrderInHand, offer: Offer, words?: string): void {
    const { quote } = offer;
    const buttons = quoteActions(
      quote,
      () => void alone(() => pay(inHand, offer)),
      () => {
        forget();
        clear();
      },
    );
    notice(
      "plain",
      [...(words === undefined ? [] : [words]), quoteView(offer, describe(inHand.order, quote.citizen))],
      buttons,
    );
    // A page that was opened by it keeps its price.
    if (inHand.purchaseId === undefined) ending = window.setTimeout(over, untilMs(offer.until), inHand.order);
  }

  function over(order: Order): void {
    if (busy) return;
    notice(
      "plain",
      ["This price has run out. Nothing was charged."],
      [button("Show the price now", () => quoteAnew(order), "quote-again")],
    );
  }

  async function pay(inHand: OrderInHand, offer: Offer): Promise<void> {
    notice("working", [`One moment: the payment page for ${describe(inHand.order)} is being opened.`]);
    const answer = await openCheckout(offer.quote.quote, offer.key);
    if (answer.kind === "ok") opened(inHand, offer, answer.body);
    else if (answer.kind === "refused" && renews(answer.problem.code))
      await quoteAnew(inHand.order, "The price had to be asked for anew. Nothing was charged yet.");
    else refused(inHand.order, answer, () => pay(inHand, offer), inHand.purchaseId);
  }

  function opened(
    inHand: OrderInHand,
    offer: Offer,
    { purchaseId, expiresAt, url, debtMillis }: Checkout,
  ): void {
    remember({ ...inHand, purchaseId, expiresAt });
    // A debt that the quote named was shown before.
    if (debtMillis <= offer.quote.debtMillis) {
      location.assign(url);
      return;
    }
    notice(
      "plain",
      [debtWords(debtMillis)],
      [make("a", { class: "button", href: url, "data-testid": "pay" }, "Continue to payment")],
    );
  }

  function refused(
    order: Order,
    answer: Refused | Silent,
    retry: () => Promise<void>,
    purchaseId?: string,
  ): void {
    const words = refusalWords(answer, new Date());
    const code = answer.kind === "refused" ? answer.problem.code : "silent";
    switch (code) {
      case "unauthenticated":
        location.assign(signInPath("/?resume=1#buy"));
        return;
      case "reserve_too_low":
      case "unknown_citizen":
        notice(
          "bad",
          [words],
          [button("Keep them in my wallet here", () => toWallet(order), "buy-to-wallet")],
        );
        return;
      case "already_paid": {
        const link =
          purchaseId === undefined
            ? make("a", { class: "button", href: "/account/" }, "See your purchases")
            : make("a", { class: "button", href: `/purchase/?id=${purchaseId}` }, "See where it is");
        notice("plain", [words], [link, button("Buy it once more", () => quoteAnew(order))]);
        return;
      }
      case "invalid_field":
      case "promotion_unknown":
      case "promotion_expired":
      case "promotion_used_up":
      case "promotion_first_purchase_only":
      case "promotion_below_minimum":
      case "promotion_not_usable":
      case "promotion_leaves_too_little":
      case "price_mismatch":
        notice("bad", [words], order.promotionCode === undefined ? [] : [withoutCode(order)]);
        return;
      default:
        notice("bad", [words], [button("Try again", retry)]);
    }
  }

  function toWallet(given: Order): Promise<void> {
    return instead({ ...given, deliverTo: "wallet" });
  }

  function withoutCode(given: Order): HTMLButtonElement {
    const order = { ...given, promotionCode: undefined };
    return button("Go on without the code", () => instead(order), "buy-without-code");
  }

  function instead(order: Order): Promise<void> {
    wanted(order);
    return quoteAnew(order);
  }

  function button(label: string, act: () => Promise<void>, testid = "order-action"): HTMLButtonElement {
    const element = make("button", { class: "button", type: "button", "data-testid": testid }, label);
    element.addEventListener("click", () => void alone(act));
    return element;
  }

  function notice(
    tone: "working" | "plain" | "bad",
    words: readonly (Node | string)[],
    actions: readonly HTMLElement[] = [],
  ): void {
    clearTimeout(ending);
    const box = make("div", {
      class: tone === "bad" ? "notice bad" : "notice",
      tabindex: "-1",
      "data-testid": "order-notice",
    });
    box.append(...words.map((each) => (typeof each === "string" ? make("p", {}, each) : each)));
    if (actions.length > 0) box.append(make("div", { class: "actions" }, ...actions));
    place.replaceChildren(box);
    if (tone !== "working") box.focus();
  }

  function clear(): void {
    if (busy) return;
    clearTimeout(ending);
    place.replaceChildren();
  }

  return { place: (given) => alone(() => order(given)), clear };
}

/** Refusals after which the same order goes on by a new quote, or by a key of its own. */
function renews(code: string): boolean {
  return [
    "quote_expired",
    "quote_used",
    "quote_invalid",
    "citizen_changed",
    "price_expired",
    "idempotency_key_reused",
  ].includes(code);
}

function untilMs(iso: string): number {
  return Math.max(new Date(iso).getTime() - Date.now(), 0);
}
