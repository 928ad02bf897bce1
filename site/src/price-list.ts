/** Writes today's packs into the price list that the page came with. */
import { find, make } from "./dom.ts";
import { printDollars, printDucats } from "./money.ts";
import type { Pack } from "./wire.ts";

export function showPacks(list: HTMLElement, packs: readonly Pack[]): void {
  const model = find("[data-pack]", HTMLLIElement, list);
  const rows = packs.map((pack) => {
    const known = list.querySelector(`[data-pack="${CSS.escape(pack.id)}"]`);
    const row = known instanceof HTMLLIElement ? known : copyOf(model);
    write(row, pack);
    return row;
  });
  const kept =
    rows.every((row, index) => list.children[index] === row) && list.children.length === rows.length;
  if (!kept) list.replaceChildren(...rows);
}

function copyOf(model: HTMLLIElement): HTMLLIElement {
  const copy = model.cloneNode(true);
  if (copy instanceof HTMLLIElement) return copy;
  throw new Error("a list item's copy is a list item");
}

function write(row: HTMLLIElement, pack: Pack): void {
  const ducats = `${printDucats(BigInt(pack.totalMillis))} ducats`;
  const price = printDollars(BigInt(pack.usdCents));
  row.dataset["pack"] = pack.id;
  find("h3", HTMLElement, row).textContent = pack.name;
  const what = find(".what", HTMLElement, row);
  what.replaceChildren(make("b", {}, ducats));
  if (pack.bonusMillis > 0)
    what.append(
      " ",
      make("span", { class: "bonus" }, `${printDucats(BigInt(pack.bonusMillis))} of them a bonus`),
    );
  const shown = find(".price", HTMLElement, row);
  shown.textContent = price;
  shown.classList.remove("unknown");
  const button = find("button", HTMLButtonElement, row);
  button.value = pack.id;
  button.dataset["testid"] = `buy-${pack.id}`;
  button.setAttribute("aria-label", `Buy ${pack.name}, ${ducats} for ${price}`);
}
