/** The account: balances, purchases, deliveries, tier and keys. */
import { readCredit } from "../api.ts";
import { showCredit } from "../credit-view.ts";
import { find, make } from "../dom.ts";
import { keysSection } from "../keys-view.ts";
import { forget } from "../order.ts";
import { poll, type Round } from "../poll.ts";
import { refusalWords } from "../refusal.ts";
import { goSignIn } from "../return-path.ts";
import { sendForm } from "../sending.ts";
import { showSession, whoIsThis } from "../session.ts";
import { tierSection } from "../tier-view.ts";
import { sendAgain } from "../verification.ts";
import type { Account } from "../wire.ts";

const trouble = find("#trouble", HTMLElement);

let shown = "";
const showSending = sendForm(look);
/** Signing out is on its way to the start: what is refused meanwhile leads nowhere else. */
let leaving = false;

find("#sign-out", HTMLFormElement).addEventListener("submit", () => {
  leaving = true;
  forget();
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) leaving = false;
});
find("#example", HTMLElement).textContent = find("#example", HTMLElement).textContent.replace(
  "https://this-site",
  location.origin,
);

void start();

async function start(): Promise<void> {
  void showSession();
  const who = await whoIsThis();
  if (who.kind === "signed_out") {
    if (!leaving) goSignIn(`${location.pathname}${location.hash}`);
    return;
  }
  if (who.kind === "signed_in") showAccount(who.account);
  void tierSection();
  const keysShown = keysSection();
  const first = look();
  await Promise.all([keysShown, first]);
  find("#account", HTMLElement).removeAttribute("aria-busy");
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  window.setTimeout(() => {
    poll(look);
  }, 15_000);
}

function showAccount(account: Account): void {
  find("#who", HTMLElement).textContent = `${account.email}, for ${account.citizen}`;
  if (account.emailVerified) return;
  const notice = find("#unverified", HTMLElement);
  notice.replaceChildren(
    make(
      "p",
      {},
      make("strong", {}, "Your e-mail is not verified yet. "),
      `Open the link that we mailed to ${account.email}. You can buy meanwhile; API keys have to wait for it.`,
    ),
    sendAgain(account.email),
  );
  notice.hidden = false;
}

async function look(): Promise<Round> {
  const answer = await readCredit();
  if (answer.kind === "ok") {
    trouble.hidden = true;
    const fresh = JSON.stringify(answer.body);
    if (fresh !== shown) {
      showCredit(answer.body);
      showSending(answer.body);
    }
    shown = fresh;
    return { kind: "after", seconds: 15 };
  }
  if (answer.kind === "refused" && answer.status === 401) {
    if (!leaving) goSignIn(location.pathname);
    return { kind: "done" };
  }
  trouble.textContent = refusalWords(answer, new Date());
  trouble.hidden = false;
  return { kind: "after", seconds: answer.kind === "refused" ? (answer.retryAfterSeconds ?? 15) : 15 };
}
