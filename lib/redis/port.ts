/** Rate limits: how often a subject may do something in a window of time. */
export type LimitRule = {
  /** Part of the Redis key: `cascade:<name>:<subject>`. */
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
};

export type Verdict =
  | {
      readonly kind: "allowed" | "refused";
      readonly rule: LimitRule;
      readonly remaining: number;
      readonly resetAt: Date;
    }
  | { readonly kind: "unavailable"; readonly rule: LimitRule; readonly cause: unknown };

export type Limiter = {
  /** Counts one attempt of `subject`. Counting is not idempotent: ask once per request. */
  take(rule: LimitRule, subject: string): Promise<Verdict>;
  /**
   * One after the other within one deadline, up to the first that isn't a yes: what is refused by one count uses up nothing
   * of the next.
   */
  takeInTurn(counts: readonly (readonly [LimitRule, string])[]): Promise<Verdict[]>;
};
