/** Fields of a form: made, read, and told what is wrong where it belongs; focus goes there. */
import { find, make } from "./dom.ts";

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
    find(".form-error", HTMLElement, form).replaceChildren(...words);
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

type NewField = {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly attributes?: Readonly<Record<string, string>>;
};

/** A field as the pages write theirs: label, input, hint, room for what is wrong. */
export function makeField({ name, label, hint, attributes = {} }: NewField): HTMLElement {
  const described = [...(hint === undefined ? [] : [`${name}-hint`]), `${name}-error`].join(" ");
  const field = make(
    "div",
    { class: "field" },
    make("label", { for: name }, label),
    make("input", { id: name, name, autocomplete: "off", "aria-describedby": described, ...attributes }),
  );
  if (hint !== undefined) field.append(make("p", { class: "hint", id: `${name}-hint` }, hint));
  field.append(make("p", { class: "error", id: `${name}-error` }));
  return field;
}
