/** Which of Stripe's prices belong to which tier: by their product, or named by the operator. */
import { intervals, tierProductId, tiers, type Interval, type TierId } from "../catalog/tiers.ts";
import type { Env } from "../env.ts";
import type { PriceRead } from "../stripe/port.ts";

export type PriceEnv = Pick<Env, Extract<keyof Env, `STRIPE_PRICE_${string}`>>;

/** The price that the operator has named in place of the one that `stripe:setup` made. */
export function priceNamed(env: PriceEnv, tier: TierId, interval: Interval): string | undefined {
  if (tier === "explorer") return undefined;
  const named = {
    builder: { month: env.STRIPE_PRICE_BUILDER_MONTH, year: env.STRIPE_PRICE_BUILDER_YEAR },
    architect: { month: env.STRIPE_PRICE_ARCHITECT_MONTH, year: env.STRIPE_PRICE_ARCHITECT_YEAR },
    revolutionary: { month: env.STRIPE_PRICE_REVOLUTIONARY_MONTH, year: env.STRIPE_PRICE_REVOLUTIONARY_YEAR },
    enterprise: { month: env.STRIPE_PRICE_ENTERPRISE_MONTH, year: env.STRIPE_PRICE_ENTERPRISE_YEAR },
  };
  return named[tier][interval];
}

/** Null for a price that is none of ours. A price that was changed in the catalogue keeps its product, and so its tier. */
export function tierOfPrice(env: PriceEnv, price: PriceRead): TierId | null {
  const found = tiers.find(
    ({ id }) =>
      price.product === tierProductId(id) ||
      intervals.some((interval) => priceNamed(env, id, interval) === price.id),
  );
  return found?.id ?? null;
}
