/** One request to Airtable's SDK: its turn in our share, its deadline, and what a refusal means. */
import type AirtableSdk from "airtable";
import { setTimeout as wait } from "node:timers/promises";
import type { Core } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { db } from "../db/open.ts";
import { Unavailable } from "../errors.ts";
import { createPace } from "./pace.ts";

/** airtable.js stops its own clock at the headers; the second one is ours and covers the body. */
const requestTimeoutMs = 6 * SECOND_MS;
const deadlineMs = 7 * SECOND_MS;
/** Airtable's penalty after a 429. */
const penaltySeconds = 30;

export type AirtableRequest = <T>(
  effect: "none" | "unknown",
  ask: (base: AirtableSdk.Base) => Promise<T>,
) => Promise<T>;

/**
 * Refusals by status mean that nothing was written; silence means that we can't know: then `effect` is what is known.
 * @throws Unavailable; Error for what Airtable will refuse again.
 */
export function airtable(core: Core): AirtableRequest {
  const { env, trips } = core;
  const pace = createPace(core, db(core));
  return async (effect, ask) => {
    const { default: Airtable } = await import("airtable");
    await pace.turn();
    trips.count("venice");
    const base = new Airtable({
      apiKey: env.AIRTABLE_API_KEY,
      ...(env.AIRTABLE_ENDPOINT_URL && { endpointUrl: env.AIRTABLE_ENDPOINT_URL }),
      noRetryIfRateLimited: true,
      requestTimeout: requestTimeoutMs,
    }).base(env.AIRTABLE_BASE_ID);
    const deadline = new AbortController();
    try {
      return await Promise.race([
        ask(base),
        wait(deadlineMs, undefined, { signal: deadline.signal }).then(() => {
          throw new Unavailable("venice", { effect });
        }),
      ]);
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      if (!(error instanceof Airtable.Error)) throw new Unavailable("venice", { effect, cause: error });
      const message = `Airtable answered ${error.statusCode} ${error.error}: ${error.message}`;
      if (error.statusCode === 429) {
        await pace.pause(penaltySeconds * SECOND_MS);
        throw new Unavailable("venice", { effect: "none", retryAfterSeconds: penaltySeconds, message });
      }
      if (error.statusCode >= 400 && error.statusCode < 500) throw new Error(message);
      throw new Unavailable("venice", { effect, message });
    } finally {
      deadline.abort();
    }
  };
}
