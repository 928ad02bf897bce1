/** The tiers: what an account pays a month, what that includes, and what a unit of usage beyond costs it. */
import { cents, millis, type Cents, type Millis } from "../money.ts";

export type TierId = "explorer" | "builder" | "architect" | "revolutionary" | "enterprise";

export type Tier = {
  readonly id: TierId;
  readonly name: string;
  readonly usdCentsPerMonth: Cents;
  /** Units of usage that a month's price includes: not sold before usage reckons with them. */
  readonly unitsPerMonth: number;
  readonly requestsPerMinute: number;
  readonly apiKeys: number;
  /** What a unit of usage costs. */
  readonly millisPerUnit: Millis;
  /** Ducats that each paid month grants. */
  readonly grantMillisPerMonth: Millis;
};

type Figures = Readonly<Record<"usd" | "millisPerUnit" | "grantDucats", bigint>> &
  Pick<Tier, "unitsPerMonth" | "requestsPerMinute" | "apiKeys">;

function tier(id: TierId, name: string, { usd, grantDucats, millisPerUnit, ...figures }: Figures): Tier {
  return {
    id,
    name,
    ...figures,
    usdCentsPerMonth: cents(usd * 100n),
    millisPerUnit: millis(millisPerUnit),
    grantMillisPerMonth: millis(grantDucats * 1_000n),
  };
}

/** Every account begins here. */
export const explorer = tier("explorer", "Explorer", {
  usd: 0n,
  unitsPerMonth: 1_000,
  requestsPerMinute: 60,
  apiKeys: 2,
  millisPerUnit: 10n,
  grantDucats: 0n,
});

export const tiers: readonly Tier[] = [
  explorer,
  tier("builder", "Builder", {
    usd: 99n,
    unitsPerMonth: 100_000,
    requestsPerMinute: 600,
    apiKeys: 5,
    millisPerUnit: 5n,
    grantDucats: 250n,
  }),
  tier("architect", "Architect", {
    usd: 499n,
    unitsPerMonth: 1_000_000,
    requestsPerMinute: 1_800,
    apiKeys: 20,
    millisPerUnit: 3n,
    grantDucats: 1_500n,
  }),
  tier("revolutionary", "Revolutionary", {
    usd: 999n,
    unitsPerMonth: 5_000_000,
    requestsPerMinute: 3_000,
    apiKeys: 50,
    millisPerUnit: 2n,
    grantDucats: 3_500n,
  }),
  tier("enterprise", "Enterprise", {
    usd: 5_000n,
    unitsPerMonth: 50_000_000,
    requestsPerMinute: 10_000,
    apiKeys: 200,
    millisPerUnit: 1n,
    grantDucats: 20_000n,
  }),
];

export const tierIds = tiers.map(({ id }) => id);

/** @throws Error for a tier that isn't in the catalogue. */
export function tierOf(id: TierId): Tier {
  const found = tiers.find((each) => each.id === id);
  if (!found) throw new Error(`there is no tier ${id}`);
  return found;
}

export const intervals = ["month", "year"] as const;
export type Interval = (typeof intervals)[number];

/** A year costs ten months. */
export function tierPrice(tier: Tier, interval: Interval): Cents {
  return cents(tier.usdCentsPerMonth * (interval === "year" ? 10n : 1n));
}

/** The product in Stripe's catalogue that a tier is sold as. */
export function tierProductId(id: TierId): string {
  return `cascade_tier_${id}`;
}

/** What its price is found by at Stripe. */
export function tierLookupKey(id: TierId, interval: Interval): string {
  return `${tierProductId(id)}_${interval}`;
}
