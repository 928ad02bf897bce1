/** Time passes in the world: what becomes due is done, and what comes is announced. */
import type { World } from "../world.ts";
import { nextDue, passUntil } from "./agenda.ts";
import { upcomingNotice } from "./upcoming.ts";

/** Does all that is due until a moment, each thing at its own time. @param clock the test clock, null for all without one. */
export function runDue(world: World, clock: string | null, until: number): void {
  passUntil(world, clock, until, upcomingNotice);
}

/** When something is due next. */
export function nextMoment(world: World, clock: string | null): number | undefined {
  return nextDue(world, clock, upcomingNotice)?.at;
}
