/** The account's e-mail, and whether it is verified. */
import { find, make } from "../dom.ts";
import { section } from "../section.ts";
import { readMe } from "../session.ts";
import { stateMark } from "../states.ts";
import { sendAgain } from "../verification.ts";

export function emailSection(): Promise<void> {
  return section(find("#email", HTMLElement), readMe, ({ account }) => [
    make(
      "p",
      { class: "fact" },
      make("strong", {}, account.email),
      account.emailVerified ? stateMark("Verified", "good") : stateMark("Not verified yet", "open"),
    ),
    ...(account.emailVerified
      ? []
      : [
          make("p", { class: "hint" }, "Open the link that we mailed you. API keys can be made after that."),
          sendAgain(account.email),
        ]),
  ]).load();
}
