/** How the rate moved, and why it stands still, as one would tell it. Pure. */
import type { Rate } from "./wire.ts";

/** `Up 2 % since yesterday, 5.1 % in a week`; empty while there is nothing to compare with. */
export function movedWords({ microUsdPerDucat, trend }: Pick<Rate, "microUsdPerDucat" | "trend">): string {
  if (trend.dayMicroUsd === 0 && trend.weekMicroUsd === 0) return "Unchanged for a week";
  const day = moved(microUsdPerDucat, trend.dayMicroUsd);
  const week = moved(microUsdPerDucat, trend.weekMicroUsd);
  const parts = [
    ...(day === undefined ? [] : [`${day} since yesterday`]),
    ...(week === undefined ? [] : [`${week} in a week`]),
  ];
  const words = parts.join(", ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Tenths of a per cent are enough for the eye. */
const percent = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

function moved(now: number, change: number | null): string | undefined {
  if (change === null) return undefined;
  if (change === 0) return "unchanged";
  const share = Math.abs(change) / (now - change);
  const part = share < 0.0005 ? "a hair" : `${percent.format(share * 100)} %`;
  return `${change > 0 ? "up" : "down"} ${part}`;
}

/** Undefined while it follows the town. Who reads this is a customer: what is broken is the operator's to know. */
export function heldWords(held: string | null): string | undefined {
  switch (held) {
    case null:
      return undefined;
    case "override":
      return "It stands still right now: it was set by hand.";
    default:
      return "It stands still right now: there is no fresh word from the town.";
  }
}
