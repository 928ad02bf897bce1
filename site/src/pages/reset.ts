/** A new password, by the mailed link. */
import { find } from "../dom.ts";
import { clearErrors, onSubmit, showError, valueOf } from "../fields.ts";
import { takeToken } from "../link-token.ts";
import { refusalWords } from "../refusal.ts";
import { showSession } from "../session.ts";
import { passwordToggles } from "../show-password.ts";
import { resetPassword } from "../sign-in-api.ts";

const token = takeToken();
const form = find("#form", HTMLFormElement);

void showSession();
passwordToggles(form);
if (token === "") showDead();

onSubmit(form, async () => {
  clearErrors(form);
  const answer = await resetPassword(token, valueOf(form, "password"));
  if (answer.kind === "ok") location.replace("/sign-in/?reset=1");
  else if (answer.kind === "refused" && (answer.problem.code === "invalid_link" || isToken(answer.problem)))
    showDead();
  else
    showError(
      form,
      answer.kind === "refused" ? answer.problem.field : undefined,
      refusalWords(answer, new Date()),
    );
});

/** A link that was cut short on its way can be refused as a field, too. */
function isToken({ field }: { readonly field?: string | undefined }): boolean {
  return field === "token";
}

function showDead(): void {
  const title = find("#title", HTMLElement);
  title.textContent = "This link doesn’t work";
  document.title = "This link doesn’t work · CASCADE";
  form.hidden = true;
  find("#dead", HTMLElement).hidden = false;
  title.focus();
}
