/** Shows the rate: the figure, how it moved, why it stands still when it does, and its line over the last 30 days. */
import { timeElement } from "./dates.ts";
import { find, make } from "./dom.ts";
import { printRate, printRateShort } from "./money.ts";
import { byDay, chartOf } from "./rate-chart.ts";
import { drawChart } from "./rate-drawing.ts";
import { heldWords, movedWords } from "./rate-words.ts";
import type { Rate } from "./wire.ts";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export function showRate(rate: Rate, now: Date): void {
  const place = find("#rate-now", HTMLElement);
  place.removeAttribute("aria-busy");
  place.replaceChildren(
    make("b", {}, printRateShort(BigInt(rate.microUsdPerDucat))),
    " ",
    make("span", { class: "rate-trend" }, movedWords(rate)),
  );
  showHeld(rate);
  showLine(rate, now);
}

/** The page sells without it. */
export function showRateAway(): void {
  find("#rate-now", HTMLElement).remove();
  find("#rate-figure", HTMLElement).remove();
}

function showHeld({ held, holdsUntil }: Rate): void {
  const words = heldWords(held);
  if (words === undefined) return;
  const note = make("p", { class: "small rate-held" }, words);
  if (holdsUntil !== null) note.append(" It stays so until ", timeElement(holdsUntil), ".");
  find("#rate-why", HTMLElement).after(note);
}

function showLine(rate: Rate, now: Date): void {
  const figure = find("#rate-figure", HTMLElement);
  const plot = find("#rate-plot", HTMLElement);
  const reading = find("#rate-reading", HTMLElement);
  const [first] = rate.history;
  if (!first) return;
  const since = `From ${day.format(new Date(first.at))} until now`;
  reading.textContent = since;
  const draw = (): void => {
    const box = { width: plot.clientWidth, height: plot.clientHeight };
    const chart = box.width > 0 ? chartOf(rate.history, now, box) : undefined;
    if (!chart) return;
    const label = `${since}: ${printRate(BigInt(rate.microUsdPerDucat))} now, the lowest ${printRate(BigInt(chart.lowest))}, the highest ${printRate(BigInt(chart.highest))}.`;
    drawChart(plot, chart, box, label, (point) => {
      reading.replaceChildren(
        ...(point ? [timeElement(point.at), `: ${printRate(BigInt(point.microUsdPerDucat))}`] : [since]),
      );
    });
  };
  // It also tells the size that it begins with; only that drawing may move.
  new ResizeObserver(() => {
    figure.toggleAttribute("data-first", plot.childElementCount === 0);
    draw();
  }).observe(plot);
  find("#rate-table", HTMLElement).append(dayTable(rate));
  figure.removeAttribute("aria-busy");
}

function dayTable({ history }: Rate): HTMLTableElement {
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, "Day it moved"),
    make("th", { scope: "col" }, "Price at its end"),
  );
  const rows = byDay(history, (at) => day.format(new Date(at))).map(({ at, microUsdPerDucat }) =>
    make(
      "tr",
      {},
      make("td", {}, timeElement(at, "day")),
      make("td", {}, printRate(BigInt(microUsdPerDucat))),
    ),
  );
  return make("table", { class: "rate-rows small" }, make("thead", {}, head), make("tbody", {}, ...rows));
}
