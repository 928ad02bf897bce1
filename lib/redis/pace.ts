/** Our share of Airtable's requests, kept by all instances together. */
import { setTimeout as wait } from "node:timers/promises";
import { SECOND_MS } from "../clock.ts";
import { Unavailable } from "../errors.ts";
import type { Limiter } from "./port.ts";

/** Longest wait for a turn; a worker is run again, a person is asked to try again. */
const patienceMs = 4 * SECOND_MS;

export type Pace = () => Promise<void>;

/**
 * Waits for the next turn.
 * @throws Unavailable when there is none within the patience, or when Redis cannot say.
 */
export function createPace(limiter: Limiter, requestsPerSecond: number): Pace {
  const rule = { name: "airtable", limit: requestsPerSecond, windowSeconds: 1 };
  return async () => {
    const giveUpAt = Date.now() + patienceMs;
    for (;;) {
      const verdict = await limiter.take(rule, "base");
      if (verdict.kind === "allowed") return;
      if (verdict.kind === "unavailable")
        throw new Unavailable("redis", {
          effect: "none",
          cause: verdict.cause,
          message: "no word on our Airtable share",
        });
      // Spread, so that those who wait don't all come back in the same instant.
      const pauseMs = Math.max(verdict.resetAt.getTime() - Date.now(), 20) * (0.5 + Math.random());
      if (Date.now() + pauseMs > giveUpAt)
        throw new Unavailable("venice", { effect: "none", message: "our Airtable share is used up for now" });
      await wait(pauseMs);
    }
  };
}
