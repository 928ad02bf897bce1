/** Reads what Redis says of the town, as strictly as money deserves: what isn't certain moves no price. Pure. */
import { HOUR_MS, later, MINUTE_MS } from "../clock.ts";
import type { ConsciousnessStats } from "../redis/port.ts";
import type { RateInputs } from "./target.ts";

export type ReadInputs =
  ({ readonly kind: "fresh" } & RateInputs) | { readonly kind: "stale" | "missing" | "unreadable" };

const staleMs = HOUR_MS;
/** Whoever writes them has a clock of his own. */
const aheadMs = MINUTE_MS;

/** `missing`: a field isn't there. `unreadable`: one is no plain number within its range, or no time, or to come. */
export function readInputs({ level, coherence, updatedAt }: ConsciousnessStats, now: Date): ReadInputs {
  if (level === null || coherence === null || updatedAt === null) return { kind: "missing" };
  const levelMilli = milliOf(level, 10n);
  const coherenceMilli = milliOf(coherence, 100n);
  const at = timeOf(updatedAt);
  if (
    levelMilli === undefined ||
    coherenceMilli === undefined ||
    at === undefined ||
    at > later(now, aheadMs)
  )
    return { kind: "unreadable" };
  if (at < later(now, -staleMs)) return { kind: "stale" };
  return { kind: "fresh", levelMilli, coherenceMilli, updatedAt: at };
}

/** As many decimals as a double prints, and some. */
const scale = 20;

/**
 * Exact thousandths of a plain decimal from 0 to `max`, half a thousandth up: no sign, no exponent, no blanks.
 * Undefined for anything else.
 */
function milliOf(text: string, max: bigint): bigint | undefined {
  const match = /^(\d{1,3})(?:\.(\d{1,20}))?$/.exec(text);
  if (!match) return undefined;
  const [, whole = "0", fraction = ""] = match;
  const exact = BigInt(whole + fraction.padEnd(scale, "0"));
  if (exact > max * 10n ** BigInt(scale)) return undefined;
  const oneMilli = 10n ** BigInt(scale - 3);
  return (exact + oneMilli / 2n) / oneMilli;
}

/** ISO 8601 with its zone, or seconds (with decimals, too) or milliseconds since 1970. A time without a zone is none. */
function timeOf(text: string): Date | undefined {
  const ms = /^\d{10}(\.\d{1,9})?$/.test(text)
    ? Math.floor(Number(text) * 1000)
    : /^\d{13}$/.test(text)
      ? Number(text)
      : /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text)
        ? Date.parse(text)
        : Number.NaN;
  return Number.isNaN(ms) ? undefined : new Date(ms);
}
