/** Rate limits in Upstash Redis, and the town's state there. Its silence is an answer of its own, never a yes. */
import type { Core } from "../app.ts";
import { redisClient } from "./client.ts";
import { redisConsciousness } from "./consciousness.ts";
import type { Consciousness, Limiter, LimitRule, Verdict } from "./port.ts";

export function consciousness({ env, trips }: Core): Consciousness {
  return redisConsciousness(env, trips);
}

export function limiter({ env, trips }: Core): Limiter {
  /** @param deadline one for all the requests of a verdict: a script that Redis has forgotten is sent again. */
  async function take(rule: LimitRule, subject: string, deadline: AbortSignal): Promise<Verdict> {
    const [redis, { Ratelimit }] = await Promise.all([
      redisClient(env, deadline),
      import("@upstash/ratelimit"),
    ]);
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
  }
  const deadline = () => AbortSignal.timeout(env.REDIS_TIMEOUT_MS);
  return {
    take: (rule, subject) => take(rule, subject, deadline()),
    async takeInTurn(counts) {
      const within = deadline();
      const verdicts: Verdict[] = [];
      for (const [rule, subject] of counts) {
        const verdict = await take(rule, subject, within);
        verdicts.push(verdict);
        if (verdict.kind !== "allowed") break;
      }
      return verdicts;
    },
  };
}
