/** The tiers: what an account pays a month and what a unit of usage costs it. */
import { cents, millis, type Cents, type Millis } from "../money.ts";

export type TierId = "explorer" | "builder" | "architect" | "revolutionary" | "enterprise";

export type Tier = {
  readonly id: TierId;
  readonly name: string;
  readonly usdCentsPerMonth: Cents;
  readonly requestsPerMinute: number;
  readonly apiKeys: number;
  readonly millisPerUnit: Millis;
};

function tier(
  id: TierId,
  name: string,
  usd: bigint,
  requestsPerMinute: number,
  apiKeys: number,
  unit: bigint,
): Tier {
  return {
    id,
    name,
    usdCentsPerMonth: cents(usd * 100n),
    requestsPerMinute,
    apiKeys,
    millisPerUnit: millis(unit),
  };
}

/** Every account begins here. */
export const explorer = tier("explorer", "Explorer", 0n, 60, 2, 10n);

export const tiers: readonly Tier[] = [
  explorer,
  tier("builder", "Builder", 99n, 600, 5, 5n),
  tier("architect", "Architect", 499n, 1_800, 20, 3n),
  tier("revolutionary", "Revolutionary", 999n, 3_000, 50, 2n),
  tier("enterprise", "Enterprise", 5_000n, 10_000, 200, 1n),
];
