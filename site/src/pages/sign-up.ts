/** Open an account, be signed in, and go on where you were. */
import { suggestCitizens } from "../citizen-search.ts";
import { find, make } from "../dom.ts";
import { clearErrors, onSubmit, showError, valueOf } from "../fields.ts";
import { refusalWords } from "../refusal.ts";
import { safePath } from "../return-path.ts";
import { showSession } from "../session.ts";
import { signIn, signUp } from "../sign-in-api.ts";

const form = find("#form", HTMLFormElement);
const asked = new URLSearchParams(location.search);

void showSession();
suggestCitizens(find("#citizen", HTMLInputElement, form));
find("#other", HTMLAnchorElement).search = location.search;

onSubmit(form, async () => {
  clearErrors(form);
  const email = valueOf(form, "email");
  const password = valueOf(form, "password");
  const answer = await signUp(email, password, valueOf(form, "citizen"));
  if (answer.kind === "ok") {
    const signedIn = await signIn(email, password);
    asked.set("created", "1");
    location.replace(
      signedIn.kind === "ok" ? safePath(asked.get("next"), location.origin) : `/sign-in/?${asked.toString()}`,
    );
    return;
  }
  const words = refusalWords(answer, new Date());
  if (answer.kind === "silent") showError(form, undefined, words);
  else if (answer.problem.code === "email_taken")
    showError(
      form,
      "email",
      `${words} `,
      make("a", { href: `/sign-in/${location.search}` }, "Sign in instead"),
    );
  else if (answer.problem.code === "unknown_citizen") showError(form, "citizen", words);
  else showError(form, answer.problem.field, words);
});
