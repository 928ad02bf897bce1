/** Passkeys: the list, one more, another name, one less. */
import { addPasskey, askPasskey, readPasskeys, removePasskey, renamePasskey } from "../account-api.ts";
import { knownAgent } from "../agent.ts";
import { actButton } from "../buttons.ts";
import type { Answer } from "../call.ts";
import { lastUsed, timeElement } from "../dates.ts";
import { find, make } from "../dom.ts";
import { clearErrors, makeField, onSubmit, showError, valueOf } from "../fields.ts";
import { knowsPasskeys, makePasskey } from "../passkey.ts";
import { confirmed } from "../question.ts";
import { refusalWords } from "../refusal.ts";
import { section } from "../section.ts";
import { table } from "../tables.ts";
import type { Passkey } from "../wire.ts";

export function passkeysSection(): Promise<void> {
  const part = section(find("#passkeys", HTMLElement), readPasskeys, ({ passkeys }) => [
    passkeys.length === 0 ? make("p", { class: "soft" }, "No passkeys yet.") : list(passkeys),
  ]);
  listen();

  function list(passkeys: readonly Passkey[]): Node {
    return table(
      "Your passkeys",
      [
        { name: "Name", kind: "lead" },
        { name: "Lives on" },
        { name: "Added" },
        { name: "Last used" },
        { name: "Change", kind: "act" },
      ],
      passkeys.map((passkey) => [
        make("span", {}, passkey.name),
        passkey.synced ? "Several devices" : "One device",
        timeElement(passkey.createdAt, "day"),
        lastUsed(passkey.lastUsedAt),
        make(
          "div",
          { class: "actions" },
          actButton("Rename", { "aria-label": `Rename ${passkey.name}` }, () => rename(passkey)),
          actButton("Remove", { "aria-label": `Remove ${passkey.name}` }, () => askRemove(passkey)),
        ),
      ]),
    );
  }

  async function rename({ id, name }: Passkey): Promise<void> {
    const field = makeField({
      name: "passkey-new-name",
      label: "Name",
      attributes: { required: "", maxlength: "80", value: name },
    });
    const yes = await confirmed({
      title: "Rename this passkey",
      words: "The name is for you, to tell it from others.",
      more: field,
      yes: "Rename",
      no: "Keep the name",
      testid: "confirm-rename",
    });
    if (yes)
      await after(await renamePasskey(id, find("input", HTMLInputElement, field).value.trim()), "Renamed.");
  }

  async function askRemove({ id, name }: Passkey): Promise<void> {
    const yes = await confirmed({
      title: `Remove “${name}”?`,
      words:
        "It signs in here no more. Your device may go on offering it: you can delete it there, too. Devices that it has signed in stay signed in.",
      yes: "Remove",
      no: "Keep it",
      testid: "confirm-remove",
      danger: true,
    });
    if (yes) await after(await removePasskey(id), `“${name}” is removed.`);
  }

  async function after(answer: Answer<unknown>, words: string): Promise<void> {
    if (answer.kind === "ok") part.said(words);
    else part.refused(answer);
    await part.load();
  }

  function listen(): void {
    const form = find("#passkey-form", HTMLFormElement);
    form.hidden = !knowsPasskeys();
    find("#no-passkeys", HTMLElement).hidden = knowsPasskeys();
    const name = find("#passkey-name", HTMLInputElement);
    name.placeholder = knownAgent(navigator.userAgent) ?? "Passkey";
    onSubmit(form, async () => {
      clearErrors(form);
      part.said("");
      await add(form, valueOf(form, "passkey-name").trim() || name.placeholder);
    });
  }

  async function add(form: HTMLFormElement, name: string): Promise<void> {
    const asked = await askPasskey();
    if (asked.kind !== "ok") {
      part.refused(asked);
      return;
    }
    const made = await makePasskey(asked.body.options);
    if (made.kind === "not_used") {
      showError(form, undefined, made.words);
      return;
    }
    const added = await addPasskey(asked.body.challenge, made.credential, name);
    if (added.kind === "refused" && added.problem.code === "invalid_proof")
      showError(form, undefined, "It came too late, or was made for another site. Please try again.");
    else if (added.kind !== "ok") showError(form, undefined, refusalWords(added, new Date()));
    else {
      form.reset();
      await after(added, `“${name}” is added. You can sign in with it from now on.`);
    }
  }

  return part.load();
}
