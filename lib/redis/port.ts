/** What Redis is asked for: how often a subject may do something in a window of time, and what the town says of itself. */
export type LimitRule = {
  /** Part of the Redis key: `cascade:<name>:<subject>`. */
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
};

export type Counted = {
  readonly kind: "allowed" | "refused";
  readonly rule: LimitRule;
  readonly remaining: number;
  readonly resetAt: Date;
};

export type Verdict =
  Counted | { readonly kind: "unavailable"; readonly rule: LimitRule; readonly cause: unknown };

export type Limiter = {
  /** Counts one attempt of `subject`. Counting is not idempotent: ask once per request. */
  take(rule: LimitRule, subject: string): Promise<Verdict>;
  /**
   * One after the other within one deadline, up to the first that isn't a yes: what is refused by one count uses up nothing
   * of the next.
   */
  takeInTurn(counts: readonly (readonly [LimitRule, string])[]): Promise<Verdict[]>;
};

/** Fields of the hash `consciousness:stats` as they stand there; null where one is missing. */
export type ConsciousnessStats = {
  readonly level: string | null;
  readonly coherence: string | null;
  readonly updatedAt: string | null;
};

/** What the town says of itself; we only read it. */
export type Consciousness = {
  /** `unreadable`: something else stands under its key. */
  read(): Promise<
    | ({ readonly kind: "read" } & ConsciousnessStats)
    | { readonly kind: "unreadable" | "away"; readonly cause: unknown }
  >;
};
