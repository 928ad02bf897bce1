/** A message for the citizen's wallet: signed in one click where the browser has a wallet, by hand everywhere. */
import { actButton, copyButton } from "./buttons.ts";
import type { Answer, Refused, Silent } from "./call.ts";
import { timeElement } from "./dates.ts";
import { make } from "./dom.ts";
import { makeField, onSubmit, valueOf } from "./fields.ts";
import { signWith, walletHere, type Wallet } from "./wallet.ts";
import type { Challenge } from "./wire.ts";

export type Signing<T> = {
  /** Undefined when the page itself has said what is missing. */
  readonly ask: () => Promise<Answer<Challenge> | undefined>;
  readonly prove: (challenge: string, signature: string) => Promise<Answer<T>>;
  readonly proved: (body: T) => void;
  readonly words: (answer: Refused | Silent) => string;
  readonly label: string;
  readonly testid: string;
  /** What is filled in first. */
  readonly field?: HTMLElement;
  /** Other acts, beside signing. */
  readonly beside?: readonly HTMLElement[];
};

export function signingPart<T>(signing: Signing<T>): HTMLElement {
  const wallet = walletHere();
  const byHand = make("div");
  const error = make("p", { class: "error", role: "alert" });
  const main = make("button", { class: "button compact", "data-testid": signing.testid }, signing.label);
  const other = actButton("Sign by hand", { "data-testid": "sign-by-hand" }, handOver);
  const form = make(
    "form",
    { class: "signing", novalidate: "" },
    ...(signing.field ? [signing.field] : []),
    make("div", { class: "actions" }, main, ...(wallet ? [other] : []), ...(signing.beside ?? [])),
  );
  onSubmit(form, () => (wallet ? signHere(wallet) : handOver()));

  async function begin(): Promise<Challenge | undefined> {
    error.textContent = "";
    byHand.replaceChildren();
    const asked = await signing.ask();
    if (asked?.kind === "ok") return asked.body;
    if (asked) error.textContent = signing.words(asked);
    return undefined;
  }

  async function signHere(wallet: Wallet): Promise<void> {
    const challenge = await begin();
    if (!challenge) return;
    const signature = await signWith(wallet, challenge.message);
    if (signature === undefined)
      error.textContent = "Your wallet has not signed. Try once more, or sign by hand.";
    else await prove(challenge, signature);
  }

  async function handOver(): Promise<void> {
    const challenge = await begin();
    if (!challenge) return;
    byHand.replaceChildren(handForm(challenge, (signature) => prove(challenge, signature)));
    byHand.querySelector("textarea")?.focus();
  }

  async function prove({ challenge }: Challenge, signature: string): Promise<void> {
    error.textContent = "";
    const answer = await signing.prove(challenge, signature);
    if (answer.kind === "ok") {
      signing.proved(answer.body);
      return;
    }
    // A message is good for one signature; it stays where it may not have been looked at.
    if (answer.kind === "refused" && answer.status < 429) byHand.replaceChildren();
    error.textContent = signing.words(answer);
  }

  return make("div", { class: "signing" }, form, byHand, error);
}

function handForm(
  { message, expiresAt }: Challenge,
  send: (signature: string) => Promise<void>,
): HTMLElement {
  const box = make("textarea", {
    id: "wallet-message",
    readonly: "",
    rows: String(message.split("\n").length + 1),
    "data-testid": "wallet-message",
    "aria-describedby": "wallet-message-hint",
  });
  box.value = message;
  const form = make(
    "form",
    { class: "signing by-hand" },
    make(
      "div",
      { class: "field" },
      make("label", { for: "wallet-message" }, "Message to sign"),
      box,
      make(
        "p",
        { class: "hint", id: "wallet-message-hint" },
        "Sign it exactly as it stands, with your citizen’s wallet. It works once, until ",
        timeElement(expiresAt, "clock"),
        ".",
      ),
    ),
    copyButton("Copy the message", { "data-testid": "copy-message" }, () => message),
    makeField({
      name: "signature",
      label: "Signature",
      hint: "About 88 letters and digits (base58).",
      attributes: {
        required: "",
        maxlength: "500",
        autocapitalize: "off",
        spellcheck: "false",
        "data-testid": "wallet-signature",
      },
    }),
    make(
      "div",
      { class: "actions" },
      make("button", { class: "button compact", "data-testid": "wallet-prove" }, "Send the signature"),
    ),
  );
  onSubmit(form, () => send(valueOf(form, "signature").trim()));
  return form;
}
