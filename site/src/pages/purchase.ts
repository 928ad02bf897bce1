/** Follows one purchase until nothing changes any more. */
import { readPurchase } from "../api.ts";
import { timeElement } from "../dates.ts";
import { find, make } from "../dom.ts";
import { takenFacts, withMoneyBack } from "../money-back.ts";
import { printDollars, printDucats } from "../money.ts";
import { forget, remembered } from "../order.ts";
import { poll, type Round } from "../poll.ts";
import { refusalWords } from "../refusal.ts";
import { goSignIn } from "../return-path.ts";
import { showSession } from "../session.ts";
import { viewOf, type Step, type View } from "../timeline.ts";
import type { Purchase } from "../wire.ts";

const asked = new URLSearchParams(location.search);
const id = asked.get("id") ?? "";
const leftUnpaid = asked.has("left");

const page = find("#purchase", HTMLElement);
const headline = find("#headline", HTMLElement);
const detail = find("#detail", HTMLElement);
const decline = find("#decline", HTMLElement);
const actions = find("#actions", HTMLElement);
const way = find("#way", HTMLElement);
const facts = find("#facts", HTMLElement);
const trouble = find("#trouble", HTMLElement);

let shown = "";

void showSession();
poll(look);

async function look(): Promise<Round> {
  const answer = await readPurchase(id);
  page.removeAttribute("aria-busy");
  if (answer.kind !== "ok") {
    if (answer.kind === "refused" && answer.status === 401) {
      goSignIn(`${location.pathname}${location.search}`);
      return { kind: "done" };
    }
    if (answer.kind === "refused" && answer.status === 404) return notFound();
    trouble.textContent = `${refusalWords(answer, new Date())} What you see here may be old; we keep asking.`;
    const seconds = answer.kind === "refused" ? answer.retryAfterSeconds : undefined;
    return seconds === undefined ? { kind: "again" } : { kind: "after", seconds };
  }
  trouble.textContent = "";
  const { purchase, delivery, timeline } = answer.body;
  const view = withMoneyBack(viewOf(purchase, delivery), purchase, timeline);
  const changed = JSON.stringify([purchase, view]);
  if (changed === shown) return { kind: "again" };
  shown = changed;
  show(purchase, view);
  // The order is over: the same pack bought again is a new one.
  if (view.state !== "awaiting_payment" && remembered()?.purchaseId === id) forget();
  return { kind: view.settled ? "done" : "anew" };
}

/** Another account's, or one that isn't written yet. */
function notFound(): Round {
  say("unknown", "We don’t find this purchase", "It is none of the account that you are signed in to.");
  return { kind: "again" };
}

function say(state: string, words: string, more: string): void {
  if (headline.textContent !== words) headline.textContent = words;
  if (detail.textContent !== more) detail.textContent = more;
  headline.dataset["state"] = state;
  document.title = `${words} · CASCADE`;
}

function show(purchase: Purchase, view: View): void {
  const left = leftUnpaid && view.state === "awaiting_payment";
  say(
    view.state,
    left ? "You left without paying" : view.headline,
    left ? "No payment has reached us. Your order is still here, and you can go on with it." : view.detail,
  );
  showDecline(purchase, view);
  showActions(view);
  const current = view.steps.findLast(({ mark }) => mark === "now");
  way.replaceChildren(...view.steps.map((step) => stepElement(step, step === current)));
  way.hidden = false;
  facts.replaceChildren(...factElements(purchase));
  facts.hidden = false;
}

function showDecline({ lastDecline }: Purchase, { state }: View): void {
  decline.hidden = lastDecline === null || !(state === "awaiting_payment" || state === "failed");
  decline.textContent = decline.hidden ? "" : `The last attempt to pay was declined: ${lastDecline ?? ""}`;
}

function showActions({ state, payUrl }: View): void {
  const again =
    state === "expired" || state === "failed" || (state === "awaiting_payment" && payUrl === null);
  const links: Node[] = [];
  if (payUrl !== null)
    links.push(make("a", { class: "button", href: payUrl, "data-testid": "pay" }, "Continue to payment"));
  if (again) links.push(make("a", { class: "button", href: "/#buy" }, "Order again"));
  if (state === "awaiting_payment" && payUrl !== null)
    links.push(make("a", { class: "button quiet", href: "/#buy" }, "Choose something else"));
  if (state === "returned" || state === "going_back")
    links.push(make("a", { class: "button quiet", href: "/account/#send" }, "Send from your wallet"));
  actions.replaceChildren(...links);
  actions.hidden = links.length === 0;
}

const spokenMarks = { done: "done", now: "now", ahead: "not yet", stopped: "stopped" } as const;

function stepElement({ title, mark, at, note }: Step, isCurrent: boolean): HTMLLIElement {
  const item = make(
    "li",
    { "data-mark": mark },
    make("strong", {}, title),
    make("span", { class: "unseen" }, spokenMarks[mark]),
  );
  if (isCurrent) item.setAttribute("aria-current", "step");
  if (at !== null) item.append(make("span", { class: "soft small" }, timeElement(at)));
  if (note) item.append(make("span", { class: "soft small" }, note));
  return item;
}

function factElements(purchase: Purchase): readonly HTMLElement[] {
  const bonus =
    purchase.bonusMillis > 0 ? `, ${printDucats(BigInt(purchase.bonusMillis))} of them a bonus` : "";
  const rows: (readonly [string, string])[] = [
    ["Ducats", `${printDucats(BigInt(purchase.totalMillis))}${bonus}`],
    ["Price", printDollars(BigInt(purchase.usdCents))],
    ...takenFacts(purchase),
    ["For", purchase.deliverTo === "venice" ? `${purchase.citizen} in Venice` : "your wallet here"],
    ["Number", purchase.id],
  ];
  return rows.flatMap(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]);
}
