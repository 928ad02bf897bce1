/** Suggests citizens while a username is typed: a list below the field, which works as before without it. */
import { call } from "./call.ts";
import { make } from "./dom.ts";
import { list, nullable, record, text } from "./guards.ts";

const citizensShape = record({ citizens: list(record({ username: text, socialClass: nullable(text) })) });

/** The hand rests: not each letter is a question. */
const pauseMs = 200;
const shortest = 2;

/** Moves the field into a box with the list: before it has the focus, which it would lose. */
export function suggestCitizens(input: HTMLInputElement): void {
  const listId = `${input.id}-suggestions`;
  const options = make("ul", { id: listId, role: "listbox", "aria-label": "Citizens of Venice", hidden: "" });
  const said = make("span", { class: "unseen", role: "status" });
  const box = make("div", { class: "suggested" });
  input.before(box);
  box.append(input, options, said);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", listId);
  close();

  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Only the last question's answer is shown. */
  let asked = 0;

  function forget(): void {
    clearTimeout(timer);
    asked += 1;
    close();
  }

  function close(): void {
    options.hidden = true;
    options.replaceChildren();
    said.textContent = "";
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  async function suggest(): Promise<void> {
    const typed = input.value.trim();
    const question = (asked += 1);
    // No answer is no suggestion: whoever is typed is looked up when the form is sent.
    const answer = await call(`citizens?q=${encodeURIComponent(typed)}`, citizensShape);
    if (question !== asked || document.activeElement !== input) return;
    const citizens = answer.kind === "ok" ? answer.body.citizens : [];
    close();
    if (citizens.length === 0 || (citizens.length === 1 && citizens[0]?.username === input.value)) return;
    options.append(
      ...citizens.map(({ username, socialClass }, index) =>
        make(
          "li",
          { id: `${listId}-${index}`, role: "option", "aria-selected": "false", "data-username": username },
          username,
          ...(socialClass === null ? [] : [" ", make("small", {}, socialClass)]),
        ),
      ),
    );
    options.hidden = false;
    input.setAttribute("aria-expanded", "true");
    said.textContent =
      citizens.length === 1
        ? "1 citizen: press the down arrow."
        : `${citizens.length} citizens: press the down arrow.`;
  }

  const all = () => [...options.children].filter((each) => each instanceof HTMLElement);
  const active = () => all().find((each) => each.ariaSelected === "true");

  function point(to: HTMLElement | undefined): void {
    active()?.setAttribute("aria-selected", "false");
    to?.setAttribute("aria-selected", "true");
    to?.scrollIntoView({ block: "nearest" });
    if (to) input.setAttribute("aria-activedescendant", to.id);
    else input.removeAttribute("aria-activedescendant");
  }

  function take(option: HTMLElement): void {
    input.value = option.dataset["username"] ?? input.value;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    forget();
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (input.value.trim().length < shortest) forget();
    else timer = setTimeout(() => void suggest(), pauseMs);
  });
  input.addEventListener("blur", forget);
  input.addEventListener("keydown", (event) => {
    if (options.hidden) return;
    const chosen = active();
    const shown = all();
    const at = chosen ? shown.indexOf(chosen) : -1;
    if (event.key === "ArrowDown") point(shown[at + 1]);
    else if (event.key === "ArrowUp") point(at < 0 ? shown.at(-1) : shown[at - 1]);
    else if (event.key === "Enter" && chosen) take(chosen);
    else if (event.key === "Escape") forget();
    else return;
    event.preventDefault();
  });
  // A press on the list must not take the focus from the field, which would close it.
  options.addEventListener("pointerdown", (event) => {
    event.preventDefault();
  });
  options.addEventListener("click", (event) => {
    const option = event.target instanceof Element ? event.target.closest("[role=option]") : null;
    if (option instanceof HTMLElement) take(option);
  });
}
