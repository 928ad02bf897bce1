/** The account's tier: what it is, what it includes, an open invoice, and what can be done about it. */
import { actOnTier, readTier, type TierAct } from "./api.ts";
import { actButton } from "./buttons.ts";
import { isUnclear } from "./call.ts";
import { find, make } from "./dom.ts";
import { printDollars, printDucats } from "./money.ts";
import { poll } from "./poll.ts";
import { confirmed } from "./question.ts";
import { section } from "./section.ts";
import { written } from "./tier-parts.ts";
import { actedWords, actsOn, nextWords, tierName, tierWords } from "./tier-words.ts";
import type { Tier } from "./wire.ts";

const labels: Readonly<Record<TierAct, string>> = {
  cancel: "Cancel at the end",
  keep: "Keep my tier",
  pause: "Pause it",
  unpause: "Go on with it",
};
/** At two seconds each: what the payment page promised is here by then, or something is slow. */
const roundsAfterPaying = 30;

export async function tierSection(): Promise<void> {
  let latest: Tier | undefined;
  /** An act that got no answer may have happened: its retry has the same key. */
  const keys = new Map<TierAct, string>();

  const part = section(
    find("#tier", HTMLElement),
    async () => {
      const answer = await readTier();
      if (answer.kind === "ok") latest = answer.body;
      return answer;
    },
    (tier) => [
      make(
        "p",
        { class: "tier-state", "data-testid": "tier-state", "data-state": tier.state },
        ...written(tierWords(tier)),
      ),
      ...nextWords(tier).map((words) => make("p", { class: "soft" }, ...written(words))),
      ...invoiceNotice(tier),
      facts(tier),
      actions(tier),
    ],
  );

  function actions(tier: Tier): HTMLElement {
    const hasNone = tier.state === "none" || tier.state === "ended" || Boolean(tier.subscription?.endedAt);
    return make(
      "div",
      { class: "actions" },
      make(
        "a",
        { class: hasNone ? "button compact" : "button quiet compact", href: "/#tiers" },
        hasNone ? "Choose a tier" : "Change it",
      ),
      ...(tier.subscription === null ? [] : [portalForm()]),
      ...actsOn(tier).map((act) =>
        actButton(labels[act], { "data-testid": `${act}-tier` }, () => askFor(act, tier)),
      ),
    );
  }

  async function askFor(act: TierAct, tier: Tier): Promise<void> {
    if (act === "cancel" && !(await confirmed(cancelQuestion(tier)))) return;
    if (act === "pause" && !(await confirmed(pauseQuestion(tier)))) return;
    const key = keys.get(act) ?? crypto.randomUUID();
    keys.set(act, key);
    const answer = await actOnTier(act, key);
    if (!isUnclear(answer)) keys.delete(act);
    if (answer.kind !== "ok") {
      part.refused(answer);
      return;
    }
    latest = answer.body;
    part.show(answer.body);
    part.said(actedWords(act, answer.body));
  }

  /** Back from the payment page: the tier is there as soon as Stripe has told us. */
  function awaitStart(): void {
    let rounds = 0;
    part.said("Your tier is on its way: it is here as soon as Stripe has told us.");
    poll(async () => {
      await part.load();
      rounds += 1;
      const isHere = latest !== undefined && !["none", "incomplete", "ended"].includes(latest.state);
      if (isHere) part.said("");
      else if (rounds >= roundsAfterPaying)
        part.said("It takes longer than usual. Load this page again in a few minutes.");
      return { kind: isHere || rounds >= roundsAfterPaying ? "done" : "again" };
    });
  }

  const from = new URLSearchParams(location.search).get("subscription");
  if (from !== null) history.replaceState(null, "", `${location.pathname}#tier`);
  if (from === "started") awaitStart();
  else {
    if (from === "left") part.said("You have left the payment page. Nothing was charged.");
    await part.load();
    if (location.hash === "#cards" && latest) openCards(latest);
  }
}

/** Letters about an unpaid renewal lead here: to Stripe's page for cards, by way of signing in. */
function openCards({ subscription }: Tier): void {
  history.replaceState(null, "", `${location.pathname}#tier`);
  if (subscription === null) return;
  const form = portalForm();
  form.hidden = true;
  document.body.append(form);
  form.submit();
}

function invoiceNotice({ subscription }: Tier): HTMLElement[] {
  const open = subscription?.openInvoice;
  if (!open) return [];
  const sum = printDollars(BigInt(open.dueCents));
  const words = open.needsAction
    ? `An invoice of ${sum} is open: your bank wants you to confirm the payment.`
    : `An invoice of ${sum} is open.`;
  return [
    make(
      "div",
      { class: "notice", "data-testid": "open-invoice" },
      make("p", {}, words),
      open.pageUrl === null
        ? make(
            "p",
            { class: "hint" },
            "Its page cannot be opened right now. Load this page again in a minute.",
          )
        : make(
            "a",
            { class: "button compact", href: open.pageUrl },
            open.needsAction ? "Confirm it" : "Pay it",
          ),
    ),
  ];
}

function facts(tier: Tier): HTMLElement {
  const rows: readonly (readonly [string, string])[] = [
    ...(tier.grantMillisPerMonth > 0
      ? [["Ducats a month", printDucats(BigInt(tier.grantMillisPerMonth))] as const]
      : []),
    ["Ducats a unit", printDucats(BigInt(tier.millisPerUnit))],
    ["Requests a minute", tier.requestsPerMinute.toLocaleString("en-US")],
    ["API keys", tier.apiKeys.toLocaleString("en-US")],
  ];
  return make(
    "dl",
    { class: "tier-facts", "aria-label": `${tierName(tier.tier)} includes` },
    ...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
  );
}

function portalForm(): HTMLFormElement {
  const button = make(
    "button",
    { class: "button quiet compact", "data-testid": "portal" },
    "Cards and invoices",
  );
  return make("form", { method: "post", action: "/api/billing-portal" }, button);
}

function pauseQuestion({ subscription, until }: Tier) {
  const name = tierName(subscription?.tier ?? null);
  const day =
    until === null ? "" : ` until ${new Date(until).toLocaleDateString(undefined, { dateStyle: "medium" })}`;
  return {
    title: `Pause ${name}?`,
    words:
      `You keep it${day}, which is paid. After that nothing is charged, no ducats are granted, and you have Explorer, until you go on ` +
      "with it. What is in your wallet stays yours.",
    yes: labels.pause,
    no: "Go on as it is",
    testid: "confirm-pause-tier",
  };
}

function cancelQuestion({ subscription, until, state }: Tier) {
  const name = tierName(subscription?.tier ?? null);
  const day =
    until === null ? "" : ` until ${new Date(until).toLocaleDateString(undefined, { dateStyle: "medium" })}`;
  return {
    title: `Cancel ${name}?`,
    words:
      state === "lapsed"
        ? "It ends at once, and what is open need not be paid. What is in your wallet stays yours."
        : state === "grace" || state === "paused"
          ? "It is not renewed any more. What is in your wallet stays yours."
          : `You keep it${day}, and nothing more is charged. What is in your wallet stays yours.`,
    yes: labels.cancel,
    no: "Keep it",
    testid: "confirm-cancel-tier",
    danger: true,
  };
}
