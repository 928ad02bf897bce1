/** Where the rate's line runs in a box of pixels. Pure: the drawing is elsewhere. */

export type RatePoint = { readonly at: string; readonly microUsdPerDucat: number };
export type Box = { readonly width: number; readonly height: number };

export type Chart = {
  /** A path of level stretches and steps, from the first point to now. */
  readonly line: string;
  /** The same, closed along the box's lower edge. */
  readonly area: string;
  readonly end: { readonly x: number; readonly y: number };
  readonly lowest: number;
  readonly highest: number;
  /** Rates at whose height a thin line helps the eye. */
  readonly guides: readonly { readonly rate: number; readonly y: number }[];
  /** Which rate was in force at that place, and since when. */
  readonly read: (x: number) => RatePoint & { readonly y: number };
};

/** A quiet week must not look like a storm: the box is at least this part of the rate high. */
const leastSpan = 0.04;
/** Room above and below the line, in parts of the span. */
const air = 0.18;

/** Undefined without a point. */
export function chartOf(history: readonly RatePoint[], now: Date, box: Box): Chart | undefined {
  const [first] = history;
  const last = history.at(-1);
  if (!first || !last) return undefined;
  const rates = history.map(({ microUsdPerDucat }) => microUsdPerDucat);
  const [lowest, highest] = [Math.min(...rates), Math.max(...rates)];
  const middle = (lowest + highest) / 2;
  const half = (Math.max(highest - lowest, middle * leastSpan) / 2) * (1 + 2 * air);
  const [from, to] = [new Date(first.at).getTime(), now.getTime()];
  const lengthMs = Math.max(to - from, 1);
  const xOf = (at: string) => round(((new Date(at).getTime() - from) / lengthMs) * box.width);
  const yOf = (rate: number) => round(((middle + half - rate) / (2 * half)) * box.height);

  const [, ...moves] = history;
  const steps = moves.map(({ at, microUsdPerDucat }) => `H${xOf(at)}V${yOf(microUsdPerDucat)}`);
  const line = `M0 ${yOf(first.microUsdPerDucat)}${steps.join("")}H${box.width}`;
  const guides = lowest === highest ? [lowest] : [highest, lowest];
  return {
    line,
    area: `${line}V${box.height}H0Z`,
    end: { x: box.width, y: yOf(last.microUsdPerDucat) },
    ...{ lowest, highest },
    guides: guides.map((rate) => ({ rate, y: yOf(rate) })),
    read(x) {
      const point = history.findLast(({ at }) => xOf(at) <= x) ?? first;
      return { ...point, y: yOf(point.microUsdPerDucat) };
    },
  };
}

/** The days on which the rate moved, the newest first, each with the last of its day: for those who read rather than look. */
export function byDay(history: readonly RatePoint[], dayOf: (at: string) => string): readonly RatePoint[] {
  return [...new Map(history.map((point) => [dayOf(point.at), point])).values()].toReversed();
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
