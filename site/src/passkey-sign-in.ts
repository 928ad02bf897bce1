/** Signing in with a passkey: shown where the browser knows them. */
import { onPress } from "./buttons.ts";
import { find } from "./dom.ts";
import { knowsPasskeys, usePasskey } from "./passkey.ts";
import { refusalWords } from "./refusal.ts";
import { askPasskeySignIn, signInByPasskey } from "./sign-in-api.ts";

export function passkeySignIn(signedIn: () => void): void {
  const button = find("#passkey", HTMLButtonElement);
  const error = find("#passkey-error", HTMLElement);
  button.hidden = !knowsPasskeys();
  onPress(button, async () => {
    error.textContent = "";
    const words = await attempt();
    if (words === undefined) signedIn();
    else error.textContent = words;
  });
}

/** Why it did not work; undefined when it did. */
async function attempt(): Promise<string | undefined> {
  const asked = await askPasskeySignIn();
  if (asked.kind !== "ok") return refusalWords(asked, new Date());
  const used = await usePasskey(asked.body.options);
  if (used.kind === "not_used") return used.words;
  const answer = await signInByPasskey(asked.body.challenge, used.credential);
  if (answer.kind === "ok") return undefined;
  return answer.kind === "refused" && answer.problem.code === "invalid_proof"
    ? "This passkey opens no account here: it was removed, or it took too long. Try again, or sign in with your password."
    : refusalWords(answer, new Date());
}
