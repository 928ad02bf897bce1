/** A part of a page that loads on its own: it shows what it read, or why it couldn't, and holds up no other part. */
import { actButton } from "./buttons.ts";
import type { Answer, Refused, Silent } from "./call.ts";
import { find, make } from "./dom.ts";
import { refusalWords } from "./refusal.ts";
import { goSignIn } from "./return-path.ts";

export type Section<T> = {
  readonly load: () => Promise<void>;
  readonly show: (body: T) => void;
  /** What an act came to. The words stay until the next ones. */
  readonly said: (words: string) => void;
  /** Why an act was refused. */
  readonly refused: (answer: Refused | Silent) => void;
};

/** @param root holds `[data-content]`, filled by `view`, and `[data-said]`, where acts are answered. */
export function section<T>(
  root: HTMLElement,
  read: () => Promise<Answer<T>>,
  view: (body: T) => readonly Node[],
): Section<T> {
  const content = find("[data-content]", HTMLElement, root);
  const place = find("[data-said]", HTMLElement, root);

  function show(body: T): void {
    const hadFocus = content.contains(document.activeElement);
    content.replaceChildren(...view(body));
    // What was pressed may be gone: the keyboard goes on from this part's title.
    if (hadFocus) find("h2", HTMLElement, root).focus();
  }

  async function load(): Promise<void> {
    const answer = await read();
    content.removeAttribute("aria-busy");
    if (answer.kind === "ok") show(answer.body);
    else if (signedOut(answer)) goSignIn(location.pathname);
    else
      content.replaceChildren(
        make("p", { class: "error" }, refusalWords(answer, new Date())),
        make("div", { class: "actions" }, actButton("Try again", {}, load)),
      );
  }

  function say(tone: "hint" | "error", words: string): void {
    place.replaceChildren(...(words ? [make("p", { class: tone }, words)] : []));
  }

  return {
    load,
    show,
    said: (words) => say("hint", words),
    refused: (answer) => {
      if (signedOut(answer)) goSignIn(location.pathname);
      else say("error", refusalWords(answer, new Date()));
    },
  };
}

function signedOut(answer: Refused | Silent): boolean {
  return answer.kind === "refused" && answer.problem.code === "unauthenticated";
}
