/** Draws the rate's line as SVG. Colours and movement are the style sheet's; it draws anew in the same place. */
import { printRateShort } from "./money.ts";
import type { Box, Chart, RatePoint } from "./rate-chart.ts";

const svgNames = "http://www.w3.org/2000/svg";

/** @param read told what lies under the pointer; undefined when it leaves. */
export function drawChart(
  place: HTMLElement,
  chart: Chart,
  box: Box,
  label: string,
  read: (point: RatePoint | undefined) => void,
): void {
  const cursor = shape("path", { class: "rate-cursor", visibility: "hidden" });
  const mark = shape("circle", { class: "rate-mark", r: "4.5", visibility: "hidden" });
  const drawing = shape(
    "svg",
    {
      ...{ role: "img", "aria-label": label, viewBox: `0 0 ${box.width} ${box.height}` },
      ...{ width: `${box.width}`, height: `${box.height}`, class: "rate-svg" },
    },
    ...chart.guides.flatMap(({ rate, y }) => [
      shape("path", { class: "rate-guide", d: `M0 ${y}H${box.width}` }),
      words(printRateShort(BigInt(rate)), { class: "rate-label", x: "0", y: `${labelY(y, box)}` }),
    ]),
    shape("path", { class: "rate-area", d: chart.area }),
    shape("path", { class: "rate-line", d: chart.line, pathLength: "1" }),
    shape("circle", { class: "rate-end", cx: `${chart.end.x}`, cy: `${chart.end.y}`, r: "4.5" }),
    cursor,
    mark,
  );
  drawing.addEventListener("pointermove", (event) => {
    const x = Math.min(Math.max(event.clientX - drawing.getBoundingClientRect().left, 0), box.width);
    const point = chart.read(x);
    cursor.setAttribute("d", `M${x} 0V${box.height}`);
    mark.setAttribute("cx", `${x}`);
    mark.setAttribute("cy", `${point.y}`);
    for (const each of [cursor, mark]) each.removeAttribute("visibility");
    read(point);
  });
  drawing.addEventListener("pointerleave", () => {
    for (const each of [cursor, mark]) each.setAttribute("visibility", "hidden");
    read(undefined);
  });
  place.replaceChildren(drawing);
}

/** Above its line, and below where there is no room above. */
function labelY(y: number, { height }: Box): number {
  return y < 20 || y > height / 2 ? Math.min(y + 16, height - 3) : y - 6;
}

function words(text: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = shape("text", attributes);
  element.textContent = text;
  return element;
}

function shape(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly SVGElement[]
): SVGElement {
  const element = document.createElementNS(svgNames, name);
  if (!(element instanceof SVGElement)) throw new Error(`${name} is no shape`);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  element.append(...children);
  return element;
}
