/** API keys: the list, a new one shown once, revoking after a question. */
import { createKey, readKeys, revokeKey, type Refused, type Silent } from "./api.ts";
import { timeElement } from "./dates.ts";
import { find, make } from "./dom.ts";
import { onSubmit } from "./fields.ts";
import { refusalWords } from "./refusal.ts";
import { table } from "./tables.ts";
import type { ApiKey } from "./wire.ts";

function isLive({ revokedAt, expiresAt }: ApiKey): boolean {
  return revokedAt === null && (expiresAt === null || new Date(expiresAt) > new Date());
}

function ended({ revokedAt, expiresAt }: ApiKey): Node {
  const [word, at] = revokedAt === null ? ["Ended ", expiresAt] : ["Revoked ", revokedAt];
  return make("span", { class: "soft" }, word, ...(at === null ? [] : [timeElement(at, "day")]));
}

export async function keysSection(): Promise<void> {
  const form = find("#key-form", HTMLFormElement);
  const name = find("#key-name", HTMLInputElement);
  const error = find("#key-error", HTMLElement);
  const place = find("#keys", HTMLElement);

  async function show(): Promise<void> {
    const answer = await readKeys();
    if (answer.kind !== "ok") {
      place.replaceChildren(make("p", { class: "error" }, refusalWords(answer, new Date())));
      return;
    }
    const { keys } = answer.body;
    place.replaceChildren(list([...keys.filter(isLive), ...keys.filter((key) => !isLive(key))]));
  }

  function list(keys: readonly ApiKey[]): Node {
    if (keys.length === 0) return make("p", { class: "soft" }, "No keys yet.");
    return table(
      "Your API keys",
      [{ name: "Name", kind: "lead" }, { name: "Key" }, { name: "Made" }, { name: "Revoke", kind: "act" }],
      keys.map((key) => [
        make("span", {}, key.name),
        make("code", {}, key.hint),
        timeElement(key.createdAt, "day"),
        isLive(key) ? revokeButton(key) : ended(key),
      ]),
    );
  }

  function revokeButton(key: ApiKey): HTMLButtonElement {
    const button = make(
      "button",
      { class: "button quiet compact", "aria-label": `Revoke ${key.name}` },
      "Revoke",
    );
    button.addEventListener("click", () => {
      confirmed(key, () => void revoke(key));
    });
    return button;
  }

  async function revoke(key: ApiKey): Promise<void> {
    const answer = await revokeKey(key.id);
    error.textContent = answer.kind === "ok" ? "" : refusalWords(answer, new Date());
    find("#new-key", HTMLElement).replaceChildren();
    await show();
    name.focus();
  }

  onSubmit(form, async () => {
    const given = name.value.trim();
    const fail = (answer: Refused | Silent): string => refusalWords(answer, new Date());
    error.textContent = given ? "" : "Give the key a name, to know it by later.";
    if (!given) {
      name.focus();
      return;
    }
    const answer = await createKey(given);
    if (answer.kind !== "ok") {
      error.textContent = fail(answer);
      return;
    }
    form.reset();
    showOnce(answer.body.name, answer.body.key);
    await show();
  });

  await show();
}

function showOnce(name: string, key: string): void {
  const copy = make("button", { class: "button", type: "button", "data-testid": "copy-key" }, "Copy the key");
  const done = make("span", { class: "hint", role: "status" });
  copy.addEventListener("click", () => {
    navigator.clipboard.writeText(key).then(
      () => {
        done.textContent = "Copied.";
      },
      () => {
        done.textContent = "Your browser didn’t allow it: select the key and copy it.";
      },
    );
  });
  const box = make("div", { class: "notice new-key", tabindex: "-1" });
  box.append(
    make("p", {}, make("strong", {}, `“${name}” is made. `), "Copy it now: it is not shown again."),
    make("code", { "data-testid": "new-key" }, key),
    make("div", { class: "actions" }, copy, done),
  );
  find("#new-key", HTMLElement).replaceChildren(box);
  box.focus();
}

function confirmed(key: ApiKey, act: () => void): void {
  const dialog = find("#confirm", HTMLDialogElement);
  find("#confirm-text", HTMLElement).textContent =
    `Programs that use “${key.name}” (${key.hint}) are refused at once. This can’t be undone.`;
  dialog.returnValue = "";
  dialog.addEventListener(
    "close",
    () => {
      if (dialog.returnValue === "revoke") act();
    },
    { once: true },
  );
  dialog.showModal();
}
