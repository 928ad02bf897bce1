/** Upstash's client as we use it: loaded when first asked, nothing sent twice, one deadline. */
import type { Redis, RedisConfigNodejs } from "@upstash/redis";
import type { Env } from "../env.ts";

/** @param deadline for everything that is asked of this client. */
export async function redisClient(
  env: Env,
  deadline: AbortSignal,
  options: Pick<RedisConfigNodejs, "automaticDeserialization"> = {},
): Promise<Redis> {
  const { Redis } = await import("@upstash/redis");
  return new Redis({
    ...options,
    url: env.UPSTASH_REDIS_REST_URL,
    token: env.UPSTASH_REDIS_REST_TOKEN,
    // `false` is one retry: a count whose answer was lost would be counted twice.
    retry: { retries: 0 },
    enableTelemetry: false,
    // A function, so that an abort throws: given as a plain signal, the SDK makes the abort look like an answer.
    signal: () => deadline,
  });
}
