/** A state with its mark: good, bad, or still open. */
import { make } from "./dom.ts";

export function stateMark(words: string, tone: "good" | "bad" | "open"): HTMLElement {
  return make("span", { class: "state", "data-tone": tone }, words);
}
