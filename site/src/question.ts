/** Asks before something is done that cannot be undone, or that needs one more choice. */
import { make } from "./dom.ts";

export type Question = {
  readonly title: string;
  readonly words: string;
  readonly yes: string;
  readonly no: string;
  readonly testid: string;
  /** The safe answer has the focus. */
  readonly danger?: boolean;
  /** Fields to fill in before the yes. */
  readonly more?: HTMLElement;
};

export function confirmed(question: Question): Promise<boolean> {
  const { danger = false, more } = question;
  const yes = make(
    "button",
    { class: danger ? "button danger" : "button", value: "yes", "data-testid": question.testid },
    question.yes,
  );
  const no = make(
    "button",
    { class: "button quiet", value: "no", formnovalidate: "", ...(danger ? { autofocus: "" } : {}) },
    question.no,
  );
  const dialog = make(
    "dialog",
    { "aria-labelledby": "question-title", "aria-describedby": "question-words" },
    make(
      "form",
      { method: "dialog" },
      make("h2", { id: "question-title" }, question.title),
      make("p", { id: "question-words" }, question.words),
      ...(more ? [more] : []),
      make("div", { class: "actions" }, yes, no),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}
