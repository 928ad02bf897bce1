/** Who is signed in, asked once a page, and shown in the header. */
import { readAccount } from "./account-api.ts";
import type { Answer } from "./call.ts";
import { find } from "./dom.ts";
import type { Account } from "./wire.ts";

export type Who =
  | { readonly kind: "signed_in"; readonly account: Account }
  | { readonly kind: "signed_out" }
  | { readonly kind: "unknown" };

type Me = Answer<{ readonly account: Account }>;

let asked: Promise<Me> | undefined;

/** The first answer is everybody's; what could not be read is asked for again. */
export async function readMe(): Promise<Me> {
  asked ??= readAccount();
  const answer = await asked;
  if (answer.kind !== "ok") asked = undefined;
  return answer;
}

export async function whoIsThis(): Promise<Who> {
  const answer = await readMe();
  if (answer.kind === "ok") return { kind: "signed_in", account: answer.body.account };
  return answer.kind === "refused" && answer.status === 401 ? { kind: "signed_out" } : { kind: "unknown" };
}

/** The header keeps the room for it, so nothing moves when the answer comes. */
export async function showSession(): Promise<void> {
  const place = find("[data-session]", HTMLElement);
  const who = await whoIsThis();
  const link = find("a", HTMLAnchorElement, place);
  if (who.kind === "signed_in") {
    link.href = "/account/";
    link.title = `Signed in as ${who.account.email}`;
    find("[data-session-name]", HTMLElement, place).textContent = who.account.email;
  }
  place.dataset["session"] = who.kind;
}
