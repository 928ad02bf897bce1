/** What this instance last heard of a caller's requests a minute: who is beyond them is refused without asking the books again. */
import { SECOND_MS } from "../clock.ts";

/** A dearer tier is felt this late at most, by who was beyond the limit of the cheaper one. */
const memoryMs = 10 * SECOND_MS;
const remembered = 10_000;

const heard = new Map<string, { readonly requestsPerMinute: number; readonly until: number }>();

/** Undefined: the books must be asked. */
export function knownLimit(caller: string, now: Date): number | undefined {
  const known = heard.get(caller);
  return known && known.until > now.getTime() ? known.requestsPerMinute : undefined;
}

export function hearLimit(caller: string, requestsPerMinute: number, now: Date): void {
  if (heard.size >= remembered) heard.clear();
  heard.set(caller, { requestsPerMinute, until: now.getTime() + memoryMs });
}
