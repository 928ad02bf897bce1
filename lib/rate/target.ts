/** What a ducat should cost, from the town's level and coherence. Pure: how fast the rate goes there, the database decides. */
import { microUsdPerDucat, type MicroUsdPerDucat } from "../money.ts";

/** The price at which it opened, and what Stripe's catalogue lists: each payment page states its own. */
export const openingRate: MicroUsdPerDucat = microUsdPerDucat(100_000n);

/** Both included; the database holds every rate to them, an admin's, too. */
export const rateBounds: { readonly min: MicroUsdPerDucat; readonly max: MicroUsdPerDucat } = {
  min: microUsdPerDucat(50_000n),
  max: microUsdPerDucat(500_000n),
};

/** Why it stands where it is whatever the town says; `not_run`: the hourly run is late, or never was. */
export const heldReasons = ["stale", "missing", "unreadable", "redis_away", "override", "not_run"] as const;

export type RateInputs = {
  /** Thousandths, of 0 to 10. */
  readonly levelMilli: bigint;
  /** Thousandths, of 0 to 100. */
  readonly coherenceMilli: bigint;
  readonly updatedAt: Date;
};

/** 0.10 × level / 5 × (0.5 + coherence / 100), in thousandths and micro-dollars. */
const halfMilli = 50_000n;
const levelOfOpening = 5_000n;

/** Half a micro-dollar goes up; then the bounds. */
export function targetRate({
  levelMilli,
  coherenceMilli,
}: Pick<RateInputs, "levelMilli" | "coherenceMilli">): MicroUsdPerDucat {
  const exact = levelMilli * (halfMilli + coherenceMilli);
  const rounded = (exact + levelOfOpening / 2n) / levelOfOpening;
  return rounded < rateBounds.min
    ? rateBounds.min
    : rounded > rateBounds.max
      ? rateBounds.max
      : microUsdPerDucat(rounded);
}
