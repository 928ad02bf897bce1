/** The account: balances, purchases, deliveries and keys. */
import { readCredit } from "../api.ts";
import { showCredit } from "../credit-view.ts";
import { find } from "../dom.ts";
import { keysSection } from "../keys-view.ts";
import { forget } from "../order.ts";
import { poll, type Round } from "../poll.ts";
import { refusalWords } from "../refusal.ts";
import { goSignIn } from "../return-path.ts";
import { showSession, whoIsThis } from "../session.ts";

const trouble = find("#trouble", HTMLElement);

let shown = "";

find("#sign-out", HTMLFormElement).addEventListener("submit", forget);
find("#example", HTMLElement).textContent = find("#example", HTMLElement).textContent.replace(
  "https://this-site",
  location.origin,
);

void start();

async function start(): Promise<void> {
  void showSession();
  const who = await whoIsThis();
  if (who.kind === "signed_out") {
    goSignIn(`${location.pathname}${location.hash}`);
    return;
  }
  if (who.kind === "signed_in")
    find("#who", HTMLElement).textContent = `${who.account.email}, for ${who.account.citizen}`;
  const keysShown = keysSection();
  const first = look();
  await Promise.all([keysShown, first]);
  find("#account", HTMLElement).removeAttribute("aria-busy");
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  window.setTimeout(() => {
    poll(look);
  }, 15_000);
}

async function look(): Promise<Round> {
  const answer = await readCredit();
  if (answer.kind === "ok") {
    trouble.hidden = true;
    const fresh = JSON.stringify(answer.body);
    if (fresh !== shown) showCredit(answer.body);
    shown = fresh;
    return { kind: "after", seconds: 15 };
  }
  if (answer.kind === "refused" && answer.status === 401) {
    goSignIn(location.pathname);
    return { kind: "done" };
  }
  trouble.textContent = refusalWords(answer, new Date());
  trouble.hidden = false;
  return { kind: "after", seconds: answer.kind === "refused" ? (answer.retryAfterSeconds ?? 15) : 15 };
}
