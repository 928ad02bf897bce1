/** The tiers on the start: a press leads to the payment page; for whoever has a tier, to what its change comes to. */
import { changeTier, previewTier, startTier, type Plan } from "./api.ts";
import { actButton } from "./buttons.ts";
import { isUnclear, type Refused, type Silent } from "./call.ts";
import { find, make } from "./dom.ts";
import { refusalWords } from "./refusal.ts";
import { signInPath } from "./return-path.ts";
import { written } from "./tier-parts.ts";
import { previewWords, tierName } from "./tier-words.ts";
import type { PlanPreview } from "./wire.ts";

export function tierCounter(form: HTMLFormElement, place: HTMLElement): void {
  let busy = false;

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

  async function start(plan: Plan): Promise<void> {
    notice("working", [`One moment: the payment page for ${tierName(plan.tier)} is being opened.`]);
    const answer = await startTier(plan);
    if (answer.kind === "ok") location.assign(answer.body.url);
    else if (codeOf(answer) === "already_subscribed") await preview(plan);
    else refused(plan, answer, () => start(plan));
  }

  async function preview(plan: Plan, words: readonly string[] = []): Promise<void> {
    notice("working", [`One moment: we are asking what a change to ${tierName(plan.tier)} comes to.`]);
    const answer = await previewTier(plan);
    if (answer.kind !== "ok") {
      refused(plan, answer, () => preview(plan));
      return;
    }
    const key = crypto.randomUUID();
    notice(
      "plain",
      [...words, make("p", { "data-testid": "tier-preview" }, ...written(previewWords(plan, answer.body)))],
      [button("Change it", () => change(plan, answer.body, key), "change-tier"), leave()],
    );
  }

  async function change(plan: Plan, shown: PlanPreview, key: string): Promise<void> {
    notice("working", ["One moment: your tier is being changed."]);
    const answer = await changeTier(plan, shown, key);
    if (answer.kind === "ok") location.assign("/account/#tier");
    else if (["preview_expired", "amount_changed"].includes(codeOf(answer)))
      await preview(plan, ["What it comes to had to be asked for anew. Nothing was charged yet."]);
    // What was refused is over with its key; what got no answer may have happened, and is asked for by the same one.
    else refused(plan, answer, isUnclear(answer) ? () => change(plan, shown, key) : () => preview(plan));
  }

  function refused(plan: Plan, answer: Refused | Silent, retry: () => Promise<void>): void {
    const words = refusalWords(answer, new Date());
    switch (codeOf(answer)) {
      case "unauthenticated": {
        const wanted = new URLSearchParams({ tier: plan.tier, period: plan.period });
        location.assign(signInPath(`/?${wanted.toString()}#tiers`));
        return;
      }
      case "same_plan":
        notice("plain", ["This is the tier that you have."], [toAccount()]);
        return;
      case "subscription_processing":
      case "change_not_possible":
      case "card_declined":
      case "no_subscription":
        notice("bad", [words], [toAccount()]);
        return;
      default:
        notice("bad", [words], [button("Try again", retry, "retry-tier")]);
    }
  }

  /** After signing in: what was chosen waits for one more press. */
  function resume(): void {
    const wanted = new URLSearchParams(location.search);
    const tier = wanted.get("tier");
    const period = wanted.get("period");
    if (tier === null || (period !== "month" && period !== "year")) return;
    history.replaceState(null, "", "/#tiers");
    const card = form.querySelector(`[data-tier="${CSS.escape(tier)}"]`);
    if (!card) return;
    find(`[name=period][value=${period}]`, HTMLInputElement, form).checked = true;
    const price = card.querySelector(`[data-period=${period}]`)?.textContent ?? "";
    notice(
      "plain",
      [`You have chosen ${tierName(tier)}, ${price}.`],
      [button("Go on", () => start({ tier, period }), "resume-tier"), leave()],
    );
  }

  function button(label: string, act: () => Promise<void>, testid: string): HTMLButtonElement {
    return actButton(label, { class: "button", "data-testid": testid }, () => alone(act));
  }

  function leave(): HTMLButtonElement {
    return actButton("Not now", { class: "button quiet" }, () => {
      clear();
      return Promise.resolve();
    });
  }

  function clear(): void {
    if (!busy) place.replaceChildren();
  }

  function notice(
    tone: "working" | "plain" | "bad",
    words: readonly (Node | string)[],
    actions: readonly HTMLElement[] = [],
  ): void {
    const box = make("div", {
      class: tone === "bad" ? "notice bad" : "notice",
      tabindex: "-1",
      "data-testid": "tier-notice",
    });
    box.append(...words.map((each) => (typeof each === "string" ? make("p", {}, each) : each)));
    if (actions.length > 0) box.append(make("div", { class: "actions" }, ...actions));
    place.replaceChildren(box);
    if (tone !== "working") box.focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { submitter } = event;
    const period = new FormData(form).get("period") === "year" ? "year" : "month";
    if (submitter instanceof HTMLButtonElement && submitter.name === "tier")
      void alone(() => start({ tier: submitter.value, period }));
  });
  form.addEventListener("change", clear);
  // Back from the payment page by the browser's own button, the page is as it was left: not working any more.
  addEventListener("pageshow", (event) => {
    if (event.persisted) clear();
  });
  resume();
}

function toAccount(): HTMLElement {
  return make("a", { class: "button", href: "/account/#tier" }, "See your tier");
}

function codeOf(answer: Refused | Silent): string {
  return answer.kind === "refused" ? answer.problem.code : "silent";
}
