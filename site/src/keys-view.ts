/** API keys: the list, a new one, a new secret for one, revoking after a question. */
import { createKey, readKeys, rerollKey, revokeKey, type NewKey } from "./api.ts";
import { actButton } from "./buttons.ts";
import { lastUsed, timeElement } from "./dates.ts";
import { find, make } from "./dom.ts";
import { onSubmit } from "./fields.ts";
import { isLive, mayWords } from "./key-words.ts";
import { hideNewKey, showOnce } from "./new-key.ts";
import { confirmed } from "./question.ts";
import { refusalWords } from "./refusal.ts";
import { table, type Cell, type Column } from "./tables.ts";
import type { ApiKey } from "./wire.ts";

const columns: readonly Column[] = [
  { name: "Name", kind: "lead" },
  { name: "Key" },
  { name: "May" },
  { name: "Last used" },
  { name: "Ends" },
  { name: "Change", kind: "act" },
];

export async function keysSection(): Promise<void> {
  const form = find("#key-form", HTMLFormElement);
  const name = find("#key-name", HTMLInputElement);
  const error = find("#key-error", HTMLElement);
  const place = find("#keys", HTMLElement);

  async function show(): Promise<void> {
    const answer = await readKeys();
    if (answer.kind === "ok") place.replaceChildren(...lists(answer.body.keys));
    else place.replaceChildren(make("p", { class: "error" }, refusalWords(answer, new Date())));
  }

  function lists(keys: readonly ApiKey[]): Node[] {
    const now = new Date();
    const live = keys.filter((key) => isLive(key, now));
    const ended = keys.filter((key) => !isLive(key, now));
    return [
      live.length === 0
        ? make("p", { class: "soft" }, "No keys yet.")
        : table(
            "Your API keys",
            columns,
            live.map((key) => cells(key, untilCell(key), actions(key))),
          ),
      ...(ended.length === 0
        ? []
        : [
            make(
              "details",
              { class: "ended" },
              make(
                "summary",
                {},
                ended.length === 1 ? "One key has ended" : `${ended.length} keys have ended`,
              ),
              table(
                "Ended API keys",
                columns.map((column) => (column.name === "Ends" ? { name: "Ended" } : column)).slice(0, 5),
                ended.map((key) => cells(key, endedCell(key))),
              ),
            ),
          ]),
    ];
  }

  function actions(key: ApiKey): HTMLElement {
    const revoke = actButton("Revoke", { "aria-label": `Revoke ${key.name}` }, () => askRevoke(key));
    const reroll = actButton("Reroll", { "aria-label": `Reroll ${key.name}` }, () => askReroll(key));
    return make("div", { class: "actions" }, ...(key.replacedBy === null ? [reroll] : []), revoke);
  }

  async function askRevoke(key: ApiKey): Promise<void> {
    const yes = await confirmed({
      title: "Revoke this key?",
      words: `Programs that use “${key.name}” (${key.hint}) are refused at once. This can’t be undone.`,
      yes: "Revoke for good",
      no: "Keep it",
      testid: "confirm-revoke",
      danger: true,
    });
    if (!yes) return;
    const answer = await revokeKey(key.id);
    error.textContent = answer.kind === "ok" ? "" : refusalWords(answer, new Date());
    hideNewKey();
    await show();
    name.focus();
  }

  async function askReroll(key: ApiKey): Promise<void> {
    const more = find("template#overlap", HTMLTemplateElement).content.cloneNode(true);
    const choices = make("div", {}, more);
    const yes = await confirmed({
      title: "A new secret for this key",
      words: `A new key takes the place of “${key.name}” (${key.hint}): the same name, rights and end, another secret.`,
      more: choices,
      yes: "Make the new key",
      no: "Keep the old one",
      testid: "confirm-reroll",
    });
    if (!yes) return;
    const overlapDays = Number(find("input:checked", HTMLInputElement, choices).value);
    const answer = await rerollKey(key.id, overlapDays);
    error.textContent = answer.kind === "ok" ? "" : refusalWords(answer, new Date());
    if (answer.kind === "ok") showOnce(answer.body);
    await show();
  }

  onSubmit(form, async () => {
    const wanted = wantedKey(form, name.value.trim());
    error.textContent = typeof wanted === "string" ? wanted : "";
    if (typeof wanted === "string") {
      if (name.value.trim() === "") name.focus();
      return;
    }
    const answer = await createKey(wanted);
    if (answer.kind !== "ok") {
      error.textContent = refusalWords(answer, new Date());
      return;
    }
    form.reset();
    showOnce(answer.body);
    await show();
  });

  await show();
}

/** What is to be made, or what is missing. */
function wantedKey(form: HTMLFormElement, name: string): NewKey | string {
  if (name === "") return "Give the key a name, to know it by later.";
  const given = new FormData(form);
  const scopes = given.getAll("scope").filter((scope) => typeof scope === "string");
  if (scopes.length === 0) return "Choose at least one thing that the key may do.";
  const days = Number(given.get("days"));
  return { name, scopes, ...(days > 0 ? { expiresInDays: days } : {}) };
}

function cells(key: ApiKey, ...rest: readonly Cell[]): Cell[] {
  return [
    make("span", { title: `Made ${new Date(key.createdAt).toLocaleDateString()}` }, key.name),
    make("code", {}, key.hint),
    make("span", {}, mayWords(key.scopes)),
    lastUsed(key.lastUsedAt),
    ...rest,
  ];
}

function untilCell({ expiresAt, replacedBy }: ApiKey): Cell {
  if (expiresAt === null) return "Never";
  return replacedBy === null
    ? timeElement(expiresAt, "day")
    : make("span", {}, timeElement(expiresAt), make("span", { class: "hint" }, "Has been replaced"));
}

function endedCell({ revokedAt, expiresAt, replacedBy }: ApiKey): Cell {
  const word = revokedAt !== null ? "Revoked" : replacedBy !== null ? "Replaced" : "Expired";
  const at = revokedAt ?? expiresAt;
  return make("span", {}, `${word} `, ...(at === null ? [] : [timeElement(at, "day")]));
}
