/** Forgotten password: asks for a link, and says the same whether the address is known or not. */
import { find } from "../dom.ts";
import { clearErrors, onSubmit, showError, valueOf } from "../fields.ts";
import { refusalWords } from "../refusal.ts";
import { showSession } from "../session.ts";
import { askReset } from "../sign-in-api.ts";

const form = find("#form", HTMLFormElement);

void showSession();
// A form that was sent before this script ran comes back here.
if (new URLSearchParams(location.search).has("asked")) showAsked();

onSubmit(form, async () => {
  clearErrors(form);
  const answer = await askReset(valueOf(form, "email"));
  if (answer.kind === "ok") showAsked();
  else
    showError(
      form,
      answer.kind === "refused" ? answer.problem.field : undefined,
      refusalWords(answer, new Date()),
    );
});

function showAsked(): void {
  const title = find("#title", HTMLElement);
  title.textContent = "Look into your mailbox";
  document.title = "Look into your mailbox · CASCADE";
  find("#ask", HTMLElement).hidden = true;
  find("#asked", HTMLElement).hidden = false;
  title.focus();
}
