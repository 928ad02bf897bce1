/** Tables that stay tables for screen readers when phones show them as blocks. */
import { make } from "./dom.ts";

export type Column = { readonly name: string; readonly kind?: "number" | "act" | "lead" };
export type Cell = Node | string;

export function table(
  label: string,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
): HTMLTableElement {
  const element = make("table", { class: "rows", role: "table", "aria-label": label });
  const head = make("tr", { role: "row" });
  for (const { name, kind } of columns)
    head.append(make("th", { role: "columnheader", scope: "col", class: kind ?? "" }, name));
  const body = make("tbody", { role: "rowgroup" });
  body.append(...rows.map((cells) => tableRow(columns, cells)));
  element.append(make("thead", { role: "rowgroup" }, head), body);
  return element;
}

export function tableRow(columns: readonly Column[], cells: readonly Cell[]): HTMLTableRowElement {
  const row = make("tr", { role: "row" });
  columns.forEach(({ name, kind }, index) => {
    row.append(make("td", { role: "cell", class: kind ?? "", "data-label": name }, cells[index] ?? ""));
  });
  return row;
}
