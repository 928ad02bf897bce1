/** Shows a refusal where it belongs: at the field, or below the form; focus goes there. */
import { find } from "./dom.ts";

export function clearErrors(form: HTMLFormElement): void {
  for (const message of form.querySelectorAll(".error")) message.textContent = "";
  for (const input of form.querySelectorAll("input")) input.removeAttribute("aria-invalid");
}

/** At the field of that name when the form has one, else for the form as a whole. */
export function showError(
  form: HTMLFormElement,
  field: string | undefined,
  ...words: readonly (string | Node)[]
): void {
  const input = field === undefined ? null : form.elements.namedItem(field);
  if (input instanceof HTMLInputElement) {
    find(`#${input.id}-error`, HTMLElement, form).replaceChildren(...words);
    input.setAttribute("aria-invalid", "true");
    input.focus();
  } else {
    find("#form-error", HTMLElement, form).replaceChildren(...words);
  }
}

/** One call at a time: a second click while one runs does nothing. */
export function onSubmit(form: HTMLFormElement, act: () => Promise<void>): void {
  const button = find("button:not([type=button])", HTMLButtonElement, form);
  let busy = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    void act().finally(() => {
      busy = false;
      button.removeAttribute("aria-disabled");
    });
  });
}

export function valueOf(form: HTMLFormElement, name: string): string {
  const input = form.elements.namedItem(name);
  return input instanceof HTMLInputElement ? input.value : "";
}
