/** The start: today's rate and packs, a custom amount as it is typed, the tiers, and the way to the payment page. */
import { readPacks, readRate, type Order } from "../api.ts";
import { counter } from "../checkout.ts";
import { customAmount, gives } from "../custom-amount.ts";
import { find } from "../dom.ts";
import { printDollars, printRate, printRateShort } from "../money.ts";
import { remembered } from "../order.ts";
import { showPacks } from "../price-list.ts";
import { showRate, showRateAway } from "../rate-view.ts";
import { showSession, whoIsThis } from "../session.ts";
import { tierCounter } from "../tier-counter.ts";
import type { Packs } from "../wire.ts";

const form = find("#buy-form", HTMLFormElement);
const list = find("#packs", HTMLElement);
const rate = find("#rate", HTMLElement);
const pricesAt = find("#prices-at", HTMLElement);
const customForm = find("#custom-form", HTMLFormElement);
const amount = find("#custom-amount", HTMLInputElement);
const amountError = find("#custom-error", HTMLElement);
const code = find("#promotion-code", HTMLInputElement);
const wallet = find('[name=deliverTo][value="wallet"]', HTMLInputElement);

/** The bounds that the page names; replaced by the API's own. */
let bounds: Packs["custom"] = { minCents: 1_000, maxCents: 1_000_000 };
let microUsdPerDucat: number | undefined;

const shop = counter(find("#order-place", HTMLElement), describe, (order) => {
  showOrder(order);
  showGives();
});

void showSession();
void showCitizen();
void showToday();
void showHistory();
listen();
tierCounter(find("#tier-form", HTMLFormElement), find("#tier-place", HTMLElement));

function listen(): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { submitter } = event;
    if (submitter instanceof HTMLButtonElement && submitter.name === "pack")
      void shop.place({ pack: submitter.value, ...choices() });
  });
  form.addEventListener("change", () => {
    shop.clear();
    showGives();
  });
  customForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = customAmount(amount.value, bounds);
    showAmountError(typed.kind === "wrong" ? typed.words : "");
    if (typed.kind === "wrong") amount.focus();
    else void shop.place({ amountCents: Number(typed.cents), ...choices() });
  });
  amount.addEventListener("input", () => {
    // While typing, a fault is not yet one; what was wrong and is right now is said at once.
    if (customAmount(amount.value, bounds).kind === "fits") showAmountError("");
    showGives();
  });
  amount.addEventListener("change", () => {
    const typed = customAmount(amount.value, bounds);
    showAmountError(typed.kind === "wrong" ? typed.words : "");
  });
  // Back from the payment page by the browser's own button, the page is as it was left: not working any more.
  addEventListener("pageshow", (event) => {
    if (event.persisted) shop.clear();
  });
}

async function showToday(): Promise<void> {
  const answer = await readPacks();
  if (answer.kind === "ok") {
    bounds = answer.body.custom;
    microUsdPerDucat = answer.body.rate.microUsdPerDucat;
    rate.textContent = `Now, one ducat costs ${printRateShort(BigInt(microUsdPerDucat))}`;
    pricesAt.textContent = `Prices at ${printRate(BigInt(microUsdPerDucat))} a ducat, the rate of now.`;
    find("#custom-hint", HTMLElement).textContent =
      `From ${wholeDollars(bounds.minCents)} to ${wholeDollars(bounds.maxCents)}, without a bonus`;
    showPacks(list, answer.body.packs);
    showGives();
  } else {
    rate.textContent = "Today’s rate can’t be read right now. You see the price before you pay.";
    pricesAt.textContent = "";
  }
  resume();
}

async function showHistory(): Promise<void> {
  const answer = await readRate();
  if (answer.kind === "ok") showRate(answer.body, new Date());
  else showRateAway();
}

async function showCitizen(): Promise<void> {
  const who = await whoIsThis();
  if (who.kind === "signed_in")
    find("#citizen-hint", HTMLElement).textContent = `Into ${who.account.citizen}’s purse, in whole ducats`;
}

/** After signing in: the order goes on with its price, and waits for the payment. */
function resume(): void {
  if (!new URLSearchParams(location.search).has("resume")) return;
  history.replaceState(null, "", "/#buy");
  const inHand = remembered();
  if (!inHand) return;
  showOrder(inHand.order);
  if ("amountCents" in inHand.order) {
    amount.value = printDollars(BigInt(inHand.order.amountCents)).slice(1);
    showGives();
  }
  void shop.place(inHand.order);
}

function describe(order: Order, citizen = "your citizen"): string {
  const where = order.deliverTo === "venice" ? `for ${citizen} in Venice` : "for your wallet here";
  if ("amountCents" in order) return `ducats for ${printDollars(BigInt(order.amountCents))}, ${where}`;
  const row = list.querySelector(`[data-pack="${CSS.escape(order.pack)}"] h3`);
  return `the ${row?.textContent ?? order.pack} pack, ${where}`;
}

/** What the form says of any order. */
function choices(): Pick<Order, "deliverTo" | "promotionCode"> {
  const typed = code.value.trim();
  return { deliverTo: deliverTo(), ...(typed === "" ? {} : { promotionCode: typed }) };
}

function showOrder(order: Order): void {
  find(`[name=deliverTo][value="${order.deliverTo}"]`, HTMLInputElement).checked = true;
  code.value = order.promotionCode ?? "";
}

function deliverTo(): Order["deliverTo"] {
  return wallet.checked ? "wallet" : "venice";
}

function showGives(): void {
  const typed = customAmount(amount.value, bounds);
  const known = typed.kind === "fits" && microUsdPerDucat !== undefined;
  const words = known
    ? gives(typed.cents, microUsdPerDucat ?? 0, deliverTo())
    : { ducats: microUsdPerDucat === undefined ? "ducats at today’s rate" : "…", fraction: "" };
  find("#custom-gives", HTMLElement).textContent = words.ducats;
  find("#custom-fraction", HTMLElement).textContent = words.fraction;
}

function showAmountError(words: string): void {
  amountError.textContent = words;
  if (words) amount.setAttribute("aria-invalid", "true");
  else amount.removeAttribute("aria-invalid");
}

function wholeDollars(cents: number): string {
  return printDollars(BigInt(cents)).replace(/\.00$/, "");
}
