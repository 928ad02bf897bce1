/** Balances, purchases and deliveries of an account, as elements. */
import { timeElement } from "./dates.ts";
import { find, make } from "./dom.ts";
import { takenState } from "./money-back.ts";
import { ducats, printDollars, printDucats } from "./money.ts";
import { stateMark } from "./states.ts";
import { table } from "./tables.ts";
import { deliveryHints, deliveryStates, shortLabels, stateOf, type State } from "./timeline.ts";
import type { Credit } from "./wire.ts";

export function showCredit(credit: Credit): void {
  find("#wallet", HTMLElement).textContent = printDucats(BigInt(credit.walletMillis));
  find("#transit", HTMLElement).textContent = printDucats(BigInt(credit.transitMillis));
  showPurse(credit);
  showSetAside(credit);
  redraw(find("#purchases", HTMLElement), credit.purchases, () => purchases(credit));
  redraw(find("#deliveries", HTMLElement), credit.deliveries, () => deliveries(credit));
}

const drawn = new WeakMap<HTMLElement, string>();

/** Only when it has changed; whoever was on one of its links stays there. */
function redraw(place: HTMLElement, data: unknown, draw: () => Node): void {
  const fresh = JSON.stringify(data);
  if (drawn.get(place) === fresh) return;
  drawn.set(place, fresh);
  const href = place.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
  place.replaceChildren(draw());
  if (href) place.querySelector<HTMLElement>(`a[href="${CSS.escape(href)}"]`)?.focus();
}

function showPurse({ citizen, purseMillis }: Credit): void {
  const known = purseMillis !== null;
  const purse = find("#purse", HTMLElement);
  find("#purse-label", HTMLElement).textContent = `${citizen}’s purse in Venice`;
  purse.textContent = known ? printDucats(BigInt(purseMillis)) : "cannot be read right now";
  purse.classList.toggle("none", !known);
  find("#purse-hint", HTMLElement).textContent = known
    ? "ducats, at most a minute old"
    : "Your ducats are not affected";
}

/** Shown only when there is something: most accounts never see them. */
function showSetAside({ frozenMillis, heldMillis, debtMillis }: Credit): void {
  const balances = find("#balances", HTMLElement);
  for (const old of balances.querySelectorAll("[data-set-aside]")) old.remove();
  const rows = [
    ["Frozen", frozenMillis, "ducats of a payment that is disputed, or going back"],
    ["Held", heldMillis, "ducats reserved"],
    ["You owe", debtMillis, "ducats; what you buy next repays them first"],
  ] as const;
  for (const [name, millis, hint] of rows) {
    if (millis === 0) continue;
    const amount = make("dd", { class: "amount" }, printDucats(BigInt(millis)));
    const row = make("div", { class: "balance", "data-set-aside": name }, make("dt", {}, name), amount);
    row.append(make("dd", { class: "hint" }, hint));
    balances.append(row);
  }
}

function purchases(credit: Credit): Node {
  if (credit.purchases.length === 0) return none("Nothing bought yet.");
  return table(
    "Your latest purchases",
    [
      { name: "Ducats", kind: "lead" },
      { name: "Price", kind: "number" },
      { name: "For" },
      { name: "Ordered" },
      { name: "State" },
    ],
    credit.purchases.map((purchase) => [
      make("a", { href: `/purchase/?id=${encodeURIComponent(purchase.id)}` }, ducats(purchase.totalMillis)),
      printDollars(BigInt(purchase.usdCents)),
      purchase.deliverTo === "venice" ? make("span", {}, purchase.citizen) : "Wallet",
      timeElement(purchase.openedAt, "day"),
      purchaseState(purchase),
    ]),
  );
}

function deliveries(credit: Credit): Node {
  if (credit.deliveries.length === 0) return none("Nothing sent yet.");
  return table(
    "Your latest deliveries to Venice",
    [
      { name: "Ducats", kind: "lead" },
      { name: "To" },
      { name: "Begun" },
      { name: "Concluded" },
      { name: "State" },
    ],
    credit.deliveries.map((delivery) => [
      make("span", {}, ducats(delivery.millis)),
      make("span", {}, delivery.citizen),
      timeElement(delivery.createdAt, "day"),
      delivery.concludedAt === null || delivery.status === "uncertain"
        ? "Not yet"
        : timeElement(delivery.concludedAt, "day"),
      deliveryState(deliveryStates[delivery.status]),
    ]),
  );
}

const takenLabels = { money_back: "Money back", on_hold: "On hold" } as const;

/** Where its ducats are, unless all of them went back, or are about to. */
function purchaseState(purchase: Credit["purchases"][number]): HTMLElement {
  const taken = takenState(purchase);
  return taken ? stateMark(takenLabels[taken], "open") : stateElement(stateOf(purchase, purchase.delivery));
}

function deliveryState(state: State): HTMLElement {
  const hint = deliveryHints[state];
  return hint === undefined
    ? stateElement(state)
    : make("span", {}, stateElement(state), make("span", { class: "hint" }, hint));
}

const tones: Readonly<Partial<Record<State, "good" | "bad">>> = {
  arrived: "good",
  in_wallet: "good",
  failed: "bad",
  expired: "bad",
};

function stateElement(state: State): HTMLElement {
  return make(
    "span",
    { class: "state", "data-state": state, "data-tone": tones[state] ?? "open" },
    shortLabels[state],
  );
}

function none(words: string): HTMLElement {
  return make("p", { class: "soft" }, words);
}
