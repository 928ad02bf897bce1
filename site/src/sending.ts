/** Sends ducats of the wallet to Venice: once, however often a lost answer makes one try again. */
import { sendToVenice } from "./api.ts";
import type { Answer } from "./call.ts";
import { timeElement } from "./dates.ts";
import { find, make } from "./dom.ts";
import { clearErrors, onSubmit, showError, valueOf } from "./fields.ts";
import { ducats } from "./money.ts";
import { refusalWords } from "./refusal.ts";
import { forget, keyFor, takenAfterAll } from "./sending-keys.ts";
import type { Credit } from "./wire.ts";

/** @param sent is told after each that was taken. Answers what shows the form to whoever has something to send. */
export function sendForm(sent: () => Promise<unknown>): (credit: Credit) => void {
  const form = find("#send", HTMLFormElement);
  const said = find("#send-said", HTMLElement);
  let known: readonly string[] = [];

  onSubmit(form, async () => {
    clearErrors(form);
    said.replaceChildren();
    const amount = wholeDucats(valueOf(form, "ducats"));
    if (amount === undefined) {
      showError(form, "ducats", "Write a whole number of ducats, like 25.");
      return;
    }
    // Remembered until it is known that it was taken: what was lost is asked for again with the same key.
    const key = keyFor(amount, known);
    const answer = await sendToVenice(amount, key);
    if (answer.kind !== "ok") {
      showError(form, answer.kind === "refused" ? answer.problem.field : undefined, ...wordsOf(answer));
      return;
    }
    forget(amount);
    form.reset();
    const { millis, citizen, dueAt } = answer.body.delivery;
    said.replaceChildren(
      `${ducats(millis)} on the way to ${citizen}: in the purse with Venice’s next run, by `,
      timeElement(dueAt),
      ".",
    );
    await sent();
  });

  return ({ citizen, walletMillis, deliveries }) => {
    known = deliveries.map(({ id }) => id);
    const [taken] = takenAfterAll(deliveries);
    if (taken !== undefined) {
      clearErrors(form);
      form.reset();
      said.replaceChildren(`The answer was lost, but it was done: ${ducats(taken * 1_000)} on the way.`);
    }
    find("#send-to", HTMLElement).textContent = citizen;
    // Once there it stays: what it has said is read by somebody.
    if (walletMillis >= 1_000) form.hidden = false;
  };
}

function wholeDucats(typed: string): number | undefined {
  const digits = typed.trim().replaceAll(",", "");
  return /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : undefined;
}

function wordsOf(answer: Exclude<Answer<unknown>, { kind: "ok" }>): readonly (string | Node)[] {
  if (answer.kind === "refused" && answer.problem.code === "unknown_citizen")
    return [
      "Your citizen is not in Venice any more. ",
      make("a", { href: "/account/security/#citizen" }, "Choose another one"),
      ".",
    ];
  return [refusalWords(answer, new Date())];
}
