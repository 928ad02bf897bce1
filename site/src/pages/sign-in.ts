/** Sign in, by password, passkey or wallet, and go on where you were. */
import type { Refused, Silent } from "../call.ts";
import { find, make } from "../dom.ts";
import { clearErrors, onSubmit, showError, valueOf } from "../fields.ts";
import { passkeySignIn } from "../passkey-sign-in.ts";
import { refusalWords } from "../refusal.ts";
import { safePath } from "../return-path.ts";
import { showSession } from "../session.ts";
import { signIn } from "../sign-in-api.ts";
import { veniceSignIn } from "../venice-sign-in.ts";

const form = find("#form", HTMLFormElement);
const asked = new URLSearchParams(location.search);
const next = safePath(asked.get("next"), location.origin);

void showSession();
find("#other", HTMLAnchorElement).search = location.search;

const arrival = arrivalWords();
if (arrival !== undefined) {
  const notice = find("#arrival", HTMLElement);
  notice.textContent = arrival;
  notice.hidden = false;
}

onSubmit(form, async () => {
  clearErrors(form);
  const answer = await signIn(valueOf(form, "email"), valueOf(form, "password"));
  if (answer.kind === "ok") goOn();
  else refuse(answer);
});
passkeySignIn(goOn);
veniceSignIn(goOn);

function goOn(): void {
  location.replace(next);
}

function refuse(answer: Refused | Silent): void {
  const words = refusalWords(answer, new Date());
  if (answer.kind === "silent") showError(form, undefined, words);
  else if (answer.problem.code === "invalid_credentials") showError(form, "password", words);
  else if (answer.problem.code === "rate_limited")
    showError(
      form,
      undefined,
      `${words} Forgotten your password? `,
      make("a", { href: "/forgot/" }, "Choose a new one"),
      ".",
    );
  else showError(form, answer.problem.field, words);
}

function arrivalWords(): string | undefined {
  if (asked.has("created"))
    return "Your account is open. We have mailed you a link to verify your e-mail; you can sign in already.";
  if (asked.has("reset")) return "Your password is changed, and every device is signed out. Sign in with it.";
  if (next.startsWith("/?resume=1")) return "Sign in to go on with your order. We have kept it.";
  if (next.startsWith("/?tier=")) return "Sign in to go on with the tier that you have chosen.";
  return undefined;
}
