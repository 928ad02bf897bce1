/** A new password, by the current one. */
import { changePassword } from "../account-api.ts";
import { find, make } from "../dom.ts";
import { clearErrors, onSubmit, showError, valueOf } from "../fields.ts";
import { refusalWords } from "../refusal.ts";
import { goSignIn } from "../return-path.ts";
import { whoIsThis } from "../session.ts";
import { passwordToggles } from "../show-password.ts";

/** @param changed is told when it was: every other device is signed out then. */
export function passwordSection(changed: () => Promise<void>): void {
  const form = find("#password-form", HTMLFormElement);
  const said = find("#password-said", HTMLElement);
  passwordToggles(form);
  void nameAccount();
  // Not before somebody listens: sent by the browser itself, it would lead nowhere.
  form.hidden = false;

  onSubmit(form, async () => {
    clearErrors(form);
    said.textContent = "";
    const answer = await changePassword(valueOf(form, "currentPassword"), valueOf(form, "newPassword"));
    if (answer.kind === "ok") {
      form.reset();
      said.textContent = "Your password is changed. All other devices are signed out.";
      await changed();
      return;
    }
    const words = refusalWords(answer, new Date());
    if (answer.kind === "silent") showError(form, undefined, words);
    else if (answer.problem.code === "unauthenticated") goSignIn(location.pathname);
    else if (answer.problem.code === "wrong_password")
      showError(form, "currentPassword", `${words} `, make("a", { href: "/forgot/" }, "Forgotten?"));
    else showError(form, answer.problem.field, words);
  });

  /** Password managers ask which account it is. */
  async function nameAccount(): Promise<void> {
    const who = await whoIsThis();
    if (who.kind === "signed_in") find("#password-account", HTMLInputElement).value = who.account.email;
  }
}
