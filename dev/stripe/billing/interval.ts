/** Billing intervals on the calendar (UTC): each boundary is counted from the anchor, clamped to the month's last day. */

export type Every = { readonly interval: string; readonly interval_count: number };

const DAY_SECONDS = 24 * 60 * 60;

/** The boundary `count` intervals after the anchor (before it, when negative): January 31, February 28, March 31. */
export function boundary(anchor: number, every: Every, count: number): number {
  const steps = count * every.interval_count;
  switch (every.interval) {
    case "day":
      return anchor + steps * DAY_SECONDS;
    case "week":
      return anchor + steps * 7 * DAY_SECONDS;
    case "month":
      return monthsLater(anchor, steps);
    default:
      return monthsLater(anchor, steps * 12);
  }
}

/** The first boundary after a moment. */
export function nextBoundary(anchor: number, every: Every, after: number): number {
  let count = Math.floor((after - anchor) / longest(every)) - 1;
  while (boundary(anchor, every, count) <= after) count += 1;
  return boundary(anchor, every, count);
}

export function sameInterval(left: Every, right: Every): boolean {
  return left.interval === right.interval && left.interval_count === right.interval_count;
}

/** For comparing intervals and bounding a search: at least as long as any interval of this kind. */
export function longest({ interval, interval_count: count }: Every): number {
  const days = { day: 1, week: 7, month: 31 }[interval] ?? 366;
  return days * count * DAY_SECONDS;
}

function monthsLater(anchor: number, months: number): number {
  const from = new Date(anchor * 1000);
  const first = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, 1));
  const lastDay = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  const day = Math.min(from.getUTCDate(), lastDay);
  const midnight = Date.UTC(first.getUTCFullYear(), first.getUTCMonth(), day) / 1000;
  return midnight + (((anchor % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS);
}
