/** Lets somebody read the password that he types. */
import { find } from "./dom.ts";

/** Each `[data-show]` names the field that it shows; back to hidden before it is sent, for password managers. */
export function passwordToggles(form: HTMLFormElement): void {
  for (const button of form.querySelectorAll("[data-show]")) {
    if (!(button instanceof HTMLButtonElement)) continue;
    const input = find(`#${button.dataset["show"] ?? ""}`, HTMLInputElement, form);
    const set = (shown: boolean): void => {
      input.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
    };
    button.addEventListener("click", () => set(input.type === "password"));
    form.addEventListener("submit", () => set(false));
    form.addEventListener("reset", () => set(false));
  }
}
