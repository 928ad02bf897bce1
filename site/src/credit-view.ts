/** Balances, purchases and deliveries of an account, as elements. */
import { timeElement } from "./dates.ts";
import { find, make } from "./dom.ts";
import { printDollars, printDucats } from "./money.ts";
import { table } from "./tables.ts";
import { deliveryOf, deliveryStates, shortLabels, stateOf, type State } from "./timeline.ts";
import type { Credit } from "./wire.ts";

export function showCredit(credit: Credit): void {
  find("#wallet", HTMLElement).textContent = printDucats(BigInt(credit.walletMillis));
  find("#transit", HTMLElement).textContent = printDucats(BigInt(credit.transitMillis));
  showPurse(credit);
  showSetAside(credit);
  find("#purchases", HTMLElement).replaceChildren(purchases(credit));
  find("#deliveries", HTMLElement).replaceChildren(deliveries(credit));
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
    ["Frozen", frozenMillis, "ducats of a disputed payment"],
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
      stateElement(stateOf(purchase, deliveryOf(credit, purchase.id))),
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
      stateElement(deliveryStates[delivery.status]),
    ]),
  );
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

function ducats(millis: number): string {
  return `${printDucats(BigInt(millis))} ducats`;
}

function none(words: string): HTMLElement {
  return make("p", { class: "soft" }, words);
}
