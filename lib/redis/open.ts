/** Rate limits in Upstash Redis. Its silence is an answer of its own, never a yes. */
import type { Core } from "../app.ts";
import type { Limiter } from "./port.ts";

export function limiter({ env, trips }: Core): Limiter {
  return {
    async take(rule, subject) {
      const [{ Redis }, { Ratelimit }] = await Promise.all([
        import("@upstash/redis"),
        import("@upstash/ratelimit"),
      ]);
      const redis = new Redis({
        url: env.UPSTASH_REDIS_REST_URL,
        token: env.UPSTASH_REDIS_REST_TOKEN,
        retry: false,
        enableTelemetry: false,
        // A function, so that an abort throws: given as a plain signal, the SDK makes the abort look like an answer.
        signal: () => AbortSignal.timeout(env.REDIS_TIMEOUT_MS),
      });
      const ratelimit = new Ratelimit({
        redis,
        limiter: Ratelimit.slidingWindow(rule.limit, `${rule.windowSeconds} s`),
        prefix: `cascade:${rule.name}`,
        ephemeralCache: false,
        analytics: false,
        // The SDK's own timeout says yes when it fires: ours is the signal above.
        timeout: 0,
      });
      trips.count("redis");
      try {
        const { success, remaining, reset } = await ratelimit.limit(subject);
        return { kind: success ? "allowed" : "refused", rule, remaining, resetAt: new Date(reset) };
      } catch (cause) {
        return { kind: "unavailable", rule, cause };
      }
    },
  };
}
