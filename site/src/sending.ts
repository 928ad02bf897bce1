/** Sends ducats of the wallet to Venice: once, however often a lost answer makes one try again. */
import { sendToVenice } from "./api.ts";
import type { Answer } from "./call.ts";
import { timeElement } from "./dates.ts";
import { find } from "./dom.ts";
import { clearErrors, onSubmit, showError, valueOf } from "./fields.ts";
import { ducats } from "./money.ts";
import { refusalWords } from "./refusal.ts";
import type { Credit } from "./wire.ts";

/** @param sent is told after each that was taken. Answers what shows the form to whoever has something to send. */
export function sendForm(sent: () => Promise<unknown>): (credit: Credit) => void {
  const form = find("#send", HTMLFormElement);
  const said = find("#send-said", HTMLElement);
  let lost: { readonly amount: number; readonly key: string } | undefined;

  onSubmit(form, async () => {
    clearErrors(form);
    said.replaceChildren();
    const amount = wholeDucats(valueOf(form, "ducats"));
    if (amount === undefined) {
      showError(form, "ducats", "Write a whole number of ducats, like 25.");
      return;
    }
    const key = lost?.amount === amount ? lost.key : crypto.randomUUID();
    const answer = await sendToVenice(amount, key);
    lost = mayHaveHappened(answer) ? { amount, key } : undefined;
    if (answer.kind !== "ok") {
      showError(form, answer.kind === "refused" ? answer.problem.field : undefined, wordsOf(answer));
      return;
    }
    form.reset();
    const { millis, citizen, dueAt } = answer.body.delivery;
    said.replaceChildren(
      `${ducats(millis)} on the way to ${citizen}: in the purse with Venice’s next run, by `,
      timeElement(dueAt),
      ".",
    );
    await sent();
  });

  return ({ citizen, walletMillis }) => {
    find("#send-to", HTMLElement).textContent = citizen;
    // Once there it stays: what it has said is read by somebody.
    if (walletMillis >= 1_000) form.hidden = false;
  };
}

function wholeDucats(typed: string): number | undefined {
  const digits = typed.trim().replaceAll(",", "");
  return /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : undefined;
}

/** Then the same amount is asked for with the same key. */
function mayHaveHappened(answer: Answer<unknown>): boolean {
  return answer.kind === "silent" || (answer.kind === "refused" && answer.status >= 500);
}

function wordsOf(answer: Exclude<Answer<unknown>, { kind: "ok" }>): string {
  // Nothing was typed here that he could correct.
  if (answer.kind === "refused" && answer.problem.code === "unknown_citizen") return answer.problem.detail;
  return refusalWords(answer, new Date());
}
