/** Buttons that do one thing at a time, and one that copies. */
import { make } from "./dom.ts";

/** A second press while the first is at work does nothing. */
export function onPress(button: HTMLButtonElement, act: () => Promise<void>): void {
  let busy = false;
  button.addEventListener("click", () => {
    if (busy) return;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    void act().finally(() => {
      busy = false;
      button.removeAttribute("aria-disabled");
    });
  });
}

export function actButton(
  label: string,
  attributes: Readonly<Record<string, string>>,
  act: () => Promise<void>,
): HTMLButtonElement {
  const button = make("button", { class: "button quiet compact", type: "button", ...attributes }, label);
  onPress(button, act);
  return button;
}

/** The button, and beside it whether it worked. */
export function copyButton(
  label: string,
  attributes: Readonly<Record<string, string>>,
  text: () => string,
): HTMLElement {
  const said = make("span", { class: "hint", role: "status" });
  const button = actButton(label, attributes, async () => {
    try {
      await navigator.clipboard.writeText(text());
      said.textContent = "Copied.";
    } catch {
      said.textContent = "Your browser didn’t allow it: select it and copy it.";
    }
  });
  return make("div", { class: "actions" }, button, said);
}
