/** From rounds to figures. */
import type { Round } from "./messages.ts";

export type Figures = {
  /** The median of the rounds. */
  readonly perSecond: number;
  readonly rounds: readonly number[];
  readonly p50Ms: number;
  readonly p95Ms: number;
};

/** At one number of clients. */
export type Comparison = {
  readonly clients: number;
  readonly cascade: Figures;
  readonly betterAuth: Figures;
  readonly ratio: number;
};

export function compare(clients: number, ours: readonly Round[], theirs: readonly Round[]): Comparison {
  const cascade = figuresOf(ours);
  const betterAuth = figuresOf(theirs);
  return { clients, cascade, betterAuth, ratio: round(cascade.perSecond / betterAuth.perSecond, 2) };
}

function figuresOf(rounds: readonly Round[]): Figures {
  const latencies = rounds.flatMap((each) => each.latenciesMs);
  const rates = rounds.map((each) => each.perSecond);
  return {
    perSecond: round(quantile(rates, 0.5), 1),
    rounds: rates.map((rate) => round(rate, 1)),
    p50Ms: round(quantile(latencies, 0.5), 1),
    p95Ms: round(quantile(latencies, 0.95), 1),
  };
}

/** Between two neighbours where the quantile falls between them. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? below;
  return below + (above - below) * (place % 1);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
