/** The security log: what happened to the account, page by page into the past. */
import { readAudit } from "../account-api.ts";
import { agentWords } from "../agent.ts";
import { actorWords, actWords } from "../audit-words.ts";
import { actButton } from "../buttons.ts";
import { timeElement } from "../dates.ts";
import { find, make } from "../dom.ts";
import { section } from "../section.ts";
import { table, tableRow, type Cell, type Column } from "../tables.ts";
import type { Entry } from "../wire.ts";

const columns: readonly Column[] = [{ name: "What", kind: "lead" }, { name: "From" }, { name: "When" }];

export function logSection(): Promise<void> {
  const part = section(
    find("#log", HTMLElement),
    () => readAudit(undefined),
    ({ entries }) => pages(entries),
  );

  function pages(entries: readonly Entry[]): Node[] {
    if (entries.length === 0) return [make("p", { class: "soft" }, "Nothing yet.")];
    const rows = table("Security log", columns, entries.map(cells));
    const place = make("div", { class: "actions" });
    offerOlder(rows, place, entries.at(-1));
    return [rows, place];
  }

  function offerOlder(rows: HTMLTableElement, place: HTMLElement, last: Entry | undefined): void {
    place.hidden = last === undefined || isFirst(last);
    if (last === undefined || isFirst(last)) return;
    const older = actButton("Older", { "data-testid": "log-older" }, async () => {
      const answer = await readAudit(last.id);
      if (answer.kind !== "ok") {
        part.refused(answer);
        return;
      }
      const { entries } = answer.body;
      find("tbody", HTMLElement, rows).append(...entries.map((entry) => tableRow(columns, cells(entry))));
      part.said(entries.length === 0 ? "There is nothing older." : "");
      offerOlder(rows, place, entries.at(-1));
      place.querySelector("button")?.focus();
    });
    place.replaceChildren(older);
  }

  return part.load();
}

/** An account's life begins with it: nothing is older. */
function isFirst({ act }: Entry): boolean {
  return act === "account.opened";
}

function cells(entry: Entry): Cell[] {
  const actor = actorWords(entry.actor);
  const what = make("span", { title: entry.act }, actWords(entry));
  if (actor) what.append(make("span", { class: "hint" }, ` ${actor}`));
  const from = [entry.agent === null ? "" : agentWords(entry.agent), entry.network ?? ""].filter(Boolean);
  return [
    what,
    make("span", { title: entry.agent ?? "" }, from.join(", ") || "Not known"),
    timeElement(entry.at),
  ];
}
