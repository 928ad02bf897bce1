/** A limiter's verdict as headers (IETF RateLimit fields, draft 11) and as a refusal. */
import type { Counted, LimitRule, Verdict } from "../redis/port.ts";
import { problem, type Problem } from "./problem.ts";

/** `RateLimit-Policy` and `RateLimit` for the verdicts counted on a request. */
export function limitHeaders(verdicts: readonly Verdict[], now: Date): Record<string, string> {
  const counted = verdicts.filter((verdict): verdict is Counted => verdict.kind !== "unavailable");
  if (counted.length === 0) return {};
  const policy = ({ name, limit, windowSeconds }: LimitRule) => `"${name}";q=${limit};w=${windowSeconds}`;
  return {
    "ratelimit-policy": counted.map(({ rule }) => policy(rule)).join(", "),
    ratelimit: counted
      .map(
        (verdict) =>
          `"${verdict.rule.name}";r=${Math.max(verdict.remaining, 0)};t=${secondsUntil(verdict.resetAt, now)}`,
      )
      .join(", "),
  };
}

/** The refusal when any verdict isn't a yes: 429 when refused, 503 when the limiter could not say. */
export function refusalByLimits(
  verdicts: readonly Verdict[],
  now: Date,
): Problem<"rate_limited" | "limiter_unavailable"> | undefined {
  const headers = limitHeaders(verdicts, now);
  const refused = verdicts.filter((verdict): verdict is Counted => verdict.kind === "refused");
  if (refused.length > 0) {
    const wait = Math.max(...refused.map((verdict) => secondsUntil(verdict.resetAt, now)));
    return problem("rate_limited", { headers: { ...headers, "retry-after": String(wait) } });
  }
  if (verdicts.some((verdict) => verdict.kind === "unavailable"))
    return problem("limiter_unavailable", { headers: { "retry-after": "5" } });
  return undefined;
}

/** Whole seconds until then, at least one. */
export function secondsUntil(at: Date, now: Date): number {
  return Math.max(Math.ceil((at.getTime() - now.getTime()) / 1000), 1);
}
