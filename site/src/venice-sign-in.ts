/** Signing in with Venice: the wallet of a citizen who is proved for an account. */
import { find } from "./dom.ts";
import { makeField } from "./fields.ts";
import { refusalWords } from "./refusal.ts";
import { askVeniceSignIn, signInByVenice } from "./sign-in-api.ts";
import { signingPart } from "./signing.ts";

export function veniceSignIn(signedIn: () => void): void {
  const button = find("#venice-open", HTMLButtonElement);
  const place = find("#venice", HTMLElement);
  const field = makeField({
    name: "citizen",
    label: "Your citizen’s username in Venice",
    hint: "For citizens who are proved by their wallet in an account here.",
    attributes: { maxlength: "100", autocapitalize: "off", spellcheck: "false" },
  });
  const citizen = find("input", HTMLInputElement, field);
  const error = find(".error", HTMLElement, field);

  button.addEventListener("click", () => {
    place.hidden = !place.hidden;
    button.setAttribute("aria-expanded", String(!place.hidden));
    if (!place.hidden) citizen.focus();
  });

  place.append(
    signingPart({
      label: "Sign with your wallet",
      testid: "venice-continue",
      field,
      ask: async () => {
        const name = citizen.value.trim();
        error.textContent = name ? "" : "Say who your citizen is.";
        if (name) return await askVeniceSignIn(name);
        citizen.focus();
        return undefined;
      },
      prove: signInByVenice,
      proved: signedIn,
      words: (answer) =>
        answer.kind === "refused" && answer.problem.code === "invalid_proof"
          ? "This doesn’t sign you in: the citizen is not proved for an account here, another wallet signed, or it took too long. Sign a new message, or use your password."
          : refusalWords(answer, new Date()),
    }),
  );
}
