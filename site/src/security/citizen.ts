/** The citizen of Venice: where ducats go, and whether his wallet has signed for this account. */
import { askCitizenProof, changeCitizen, proveCitizen, unlinkCitizen } from "../account-api.ts";
import { actButton } from "../buttons.ts";
import { suggestCitizens } from "../citizen-search.ts";
import { find, make } from "../dom.ts";
import { makeField } from "../fields.ts";
import { confirmed } from "../question.ts";
import { refusalWords } from "../refusal.ts";
import { section } from "../section.ts";
import { readMe } from "../session.ts";
import { signingPart } from "../signing.ts";
import { stateMark } from "../states.ts";
import type { Account } from "../wire.ts";

type Body = { readonly account: Account };

export function citizenSection(): Promise<void> {
  const part = section(find("#citizen", HTMLElement), readMe, ({ account }: Body) => [
    make(
      "p",
      { class: "fact" },
      make("strong", {}, account.citizen),
      account.citizenProved ? stateMark("Proved", "good") : stateMark("Delivery address only", "open"),
    ),
    ...(account.citizenProved ? proved(account) : unproved(account)),
  ]);

  function proved(account: Account): Node[] {
    const unlink = actButton("Unlink", { "data-testid": "unlink-citizen" }, () => askUnlink(account));
    return [make("div", { class: "actions" }, changeButton(account), unlink)];
  }

  function unproved(account: Account): Node[] {
    return [
      make(
        "p",
        { class: "hint" },
        `Let ${account.citizen}’s wallet sign a message, and you can sign in with it. Nothing is paid or moved by that.`,
      ),
      signingPart({
        label: "Prove by wallet",
        testid: "prove-citizen",
        ask: () => askCitizenProof(),
        prove: proveCitizen,
        proved: (body) => {
          part.show(body);
          part.said(`${body.account.citizen} is proved: his wallet can sign you in.`);
        },
        words: (answer) =>
          answer.kind === "refused" && answer.problem.code === "invalid_proof"
            ? `This signature doesn’t prove ${account.citizen}. Take the wallet that Venice knows as his, and sign a new message.`
            : refusalWords(answer, new Date()),
        beside: [changeButton(account)],
      }),
    ];
  }

  function changeButton(account: Account): HTMLButtonElement {
    return actButton("Change", { "data-testid": "change-citizen" }, () => askChange(account));
  }

  async function askChange(account: Account): Promise<void> {
    const field = makeField({
      name: "new-citizen",
      label: "Username in Venice",
      hint: "Exactly as in Venice; capital letters count. We look it up.",
      attributes: { required: "", maxlength: "100", autocapitalize: "off", spellcheck: "false" },
    });
    suggestCitizens(find("input", HTMLInputElement, field));
    const yes = await confirmed({
      title: "Another citizen",
      words: account.citizenProved
        ? `What you buy from now on goes to him; what you have bought still goes to ${account.citizen}. He starts without a proof.`
        : `What you buy from now on goes to him; what you have bought still goes to ${account.citizen}.`,
      more: field,
      yes: "Change",
      no: `Keep ${account.citizen}`,
      testid: "confirm-citizen",
    });
    if (!yes) return;
    const answer = await changeCitizen(find("input", HTMLInputElement, field).value.trim());
    if (answer.kind !== "ok") {
      part.refused(answer);
      return;
    }
    part.show(answer.body);
    part.said(`Ducats that you buy from now on go to ${answer.body.account.citizen}.`);
  }

  async function askUnlink(account: Account): Promise<void> {
    const yes = await confirmed({
      title: `Unlink ${account.citizen}?`,
      words: "His wallet signs you in no more. He stays where your ducats are delivered.",
      yes: "Unlink",
      no: "Keep the link",
      testid: "confirm-unlink",
      danger: true,
    });
    if (!yes) return;
    const answer = await unlinkCitizen();
    if (answer.kind !== "ok") {
      part.refused(answer);
      return;
    }
    part.show(answer.body);
    part.said(`${answer.body.account.citizen} is a delivery address only now.`);
  }

  return part.load();
}
