/** Sign in, and go on where you were. */
import { signIn } from "../api.ts";
import { find } from "../dom.ts";
import { clearErrors, onSubmit, showError, valueOf } from "../fields.ts";
import { refusalWords } from "../refusal.ts";
import { safePath } from "../return-path.ts";
import { showSession } from "../session.ts";

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
  if (answer.kind === "ok") {
    location.replace(next);
    return;
  }
  const field = answer.kind === "refused" ? answer.problem.field : undefined;
  const wrong = answer.kind === "refused" && answer.problem.code === "invalid_credentials";
  showError(form, wrong ? "password" : field, refusalWords(answer, new Date()));
});

function arrivalWords(): string | undefined {
  if (asked.has("created")) return "Your account is open. Sign in to it.";
  if (next.startsWith("/?resume=1")) return "Sign in to go on with your order. We have kept it.";
  return undefined;
}
