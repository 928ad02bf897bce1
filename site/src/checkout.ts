/** Places one order at a time and says beside the form what became of it. */
import { openCheckout, type Order } from "./api.ts";
import type { Answer } from "./call.ts";
import { make } from "./dom.ts";
import { printDucats } from "./money.ts";
import { forget, keyed, remember, remembered, type OrderInHand } from "./order.ts";
import { refusalWords } from "./refusal.ts";
import { signInPath } from "./return-path.ts";
import type { Checkout } from "./wire.ts";

export type Counter = {
  readonly place: (order: Order) => Promise<void>;
  /** Shows an order that waited for signing in. */
  readonly offer: (order: Order) => void;
  readonly clear: () => void;
};

/** `wanted` is told when another destination was chosen here, so that the form shows it. */
export function counter(
  place: HTMLElement,
  describe: (order: Order) => string,
  wanted: (deliverTo: Order["deliverTo"]) => void,
): Counter {
  let busy = false;

  async function order(order: Order): Promise<void> {
    if (busy) return;
    busy = true;
    notice("working", `One moment: the payment page for ${describe(order)} is being opened.`);
    try {
      let inHand = keyed(order, remembered(), new Date(), () => crypto.randomUUID());
      remember(inHand);
      let answer = await openCheckout(order, inHand.key);
      // The key was used for something else, say by another account in this tab: nothing was opened by it for this order.
      if (answer.kind === "refused" && answer.problem.code === "idempotency_key_reused") {
        inHand = keyed(order, undefined, new Date(), () => crypto.randomUUID());
        remember(inHand);
        answer = await openCheckout(order, inHand.key);
      }
      take(inHand, answer);
    } finally {
      busy = false;
    }
  }

  function take(inHand: OrderInHand, answer: Answer<Checkout>): void {
    if (answer.kind === "ok") opened(inHand, answer.body);
    else if (answer.kind === "refused") refused(inHand, answer);
    else
      notice(
        "bad",
        refusalWords(answer, new Date()),
        button("Try again", () => order(inHand.order)),
      );
  }

  function opened(inHand: OrderInHand, { purchaseId, expiresAt, url, debtMillis }: Checkout): void {
    remember({ ...inHand, purchaseId, expiresAt });
    if (debtMillis === 0) {
      location.assign(url);
      return;
    }
    notice(
      "plain",
      `You owe ${printDucats(BigInt(debtMillis))} ducats from an earlier purchase that was refunded. This order repays them first; the rest is yours.`,
      make("a", { class: "button", href: url, "data-testid": "pay" }, "Continue to payment"),
    );
  }

  function refused(inHand: OrderInHand, answer: Extract<Answer<Checkout>, { kind: "refused" }>): void {
    const words = refusalWords(answer, new Date());
    const again = button("Try again", () => order(inHand.order));
    switch (answer.problem.code) {
      case "unauthenticated":
        location.assign(signInPath("/?resume=1#buy"));
        return;
      case "reserve_too_low":
      case "unknown_citizen":
        notice(
          "bad",
          words,
          button("Keep them in my wallet here", () => toWallet(inHand.order), "buy-to-wallet"),
        );
        return;
      case "already_paid":
        notice(
          "plain",
          words,
          ...(inHand.purchaseId === undefined
            ? [make("a", { class: "button", href: "/account/" }, "See your purchases")]
            : [
                make("a", { class: "button", href: `/purchase/?id=${inHand.purchaseId}` }, "See where it is"),
              ]),
          button("Buy it once more", () => anew(inHand.order)),
        );
        return;
      case "invalid_field":
        notice("bad", words);
        return;
      default:
        notice("bad", words, again);
    }
  }

  function toWallet(given: Order): Promise<void> {
    wanted("wallet");
    return order({ ...given, deliverTo: "wallet" });
  }

  function anew(given: Order): Promise<void> {
    forget();
    return order(given);
  }

  function button(label: string, act: () => Promise<void>, testid = "order-action"): HTMLButtonElement {
    const element = make("button", { class: "button", type: "button", "data-testid": testid }, label);
    element.addEventListener("click", () => void act());
    return element;
  }

  function notice(
    tone: "working" | "plain" | "bad",
    words: string,
    ...actions: readonly HTMLElement[]
  ): void {
    const box = make("div", {
      class: tone === "bad" ? "notice bad" : "notice",
      tabindex: "-1",
      "data-testid": "order-notice",
    });
    box.append(make("p", {}, words));
    if (actions.length > 0) box.append(make("div", { class: "actions" }, ...actions));
    place.replaceChildren(box);
    if (tone !== "working") box.focus();
  }

  return {
    place: order,
    offer: (given) => {
      notice(
        "plain",
        `Your order is still here: ${describe(given)}.`,
        button("Continue to payment", () => order(given), "resume-order"),
      );
    },
    clear: () => {
      if (!busy) place.replaceChildren();
    },
  };
}
