/** Verifies an e-mail by the mailed link, at once; or has another link sent. */
import { actButton } from "../buttons.ts";
import { find } from "../dom.ts";
import { clearErrors, onSubmit, showError, valueOf } from "../fields.ts";
import { takeToken } from "../link-token.ts";
import { refusalWords } from "../refusal.ts";
import { showSession, whoIsThis } from "../session.ts";
import { askVerification, verifyEmail } from "../sign-in-api.ts";

const token = takeToken();
const title = find("#title", HTMLElement);
const detail = find("#detail", HTMLElement);
const actions = find("#actions", HTMLElement);
const form = find("#form", HTMLFormElement);

void verify();
listen();

async function verify(): Promise<void> {
  actions.hidden = true;
  if (token === "") {
    say(
      "none",
      "Verify your e-mail",
      "Open the link that we mailed you. If it has not come, have it sent again.",
    );
    await offerAnother();
    return;
  }
  say("asking", "One moment", "Your link is being checked.");
  const answer = await verifyEmail(token);
  if (answer.kind === "ok") {
    say("verified", "Your e-mail is verified", "You can make API keys now, and we can reach you.");
    find("#account", HTMLElement).hidden = false;
    void showSession();
  } else if (answer.kind === "refused" && answer.status === 422) {
    say("dead", "This link doesn’t work", "It was used, is over, or is not complete. Have a new one sent.");
    await offerAnother();
  } else {
    say("unknown", "We could not check your link", refusalWords(answer, new Date()));
    actions.hidden = false;
    actions.replaceChildren(actButton("Try again", { class: "button" }, verify));
    void showSession();
  }
}

/** Whoever is signed in need not type his address. */
async function offerAnother(): Promise<void> {
  form.hidden = false;
  void showSession();
  const who = await whoIsThis();
  const email = find("#email", HTMLInputElement);
  if (who.kind === "signed_in" && email.value === "") email.value = who.account.email;
}

function listen(): void {
  onSubmit(form, async () => {
    clearErrors(form);
    const answer = await askVerification(valueOf(form, "email"));
    if (answer.kind === "ok") {
      form.hidden = true;
      say(
        "sent",
        "Look into your mailbox",
        "If this address has an account and is not verified yet, a link is on its way.",
      );
      title.focus();
    } else
      showError(
        form,
        answer.kind === "refused" ? answer.problem.field : undefined,
        refusalWords(answer, new Date()),
      );
  });
}

function say(state: string, words: string, more: string): void {
  title.textContent = words;
  title.dataset["state"] = state;
  detail.textContent = more;
  document.title = `${words} · CASCADE`;
}
