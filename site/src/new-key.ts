/** A key that was just made: shown once. */
import { copyButton } from "./buttons.ts";
import { find, make } from "./dom.ts";
import type { MadeKey } from "./wire.ts";

export function showOnce({ name, key }: MadeKey): void {
  const box = make(
    "div",
    { class: "notice new-key", tabindex: "-1" },
    make("p", {}, make("strong", {}, `“${name}” is made. `), "Copy it now: it is not shown again."),
    make("code", { "data-testid": "new-key" }, key),
    copyButton("Copy the key", { class: "button", "data-testid": "copy-key" }, () => key),
  );
  find("#new-key", HTMLElement).replaceChildren(box);
  box.focus();
}

export function hideNewKey(): void {
  find("#new-key", HTMLElement).replaceChildren();
}
