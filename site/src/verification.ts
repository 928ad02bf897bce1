/** Has the link that verifies an e-mail sent again. */
import { actButton } from "./buttons.ts";
import { make } from "./dom.ts";
import { refusalWords } from "./refusal.ts";
import { askVerification } from "./sign-in-api.ts";

export function sendAgain(email: string): HTMLElement {
  const said = make("span", { class: "hint", role: "status" });
  const button = actButton("Send the link again", { "data-testid": "verify-again" }, async () => {
    said.textContent = "";
    const answer = await askVerification(email);
    said.textContent =
      answer.kind === "ok" ? "A new link is on its way to you." : refusalWords(answer, new Date());
  });
  return make("div", { class: "actions" }, button, said);
}
