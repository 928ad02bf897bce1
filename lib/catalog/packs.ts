/** What can be bought: five packs with a bonus, or any amount between two bounds without one. */
import { cents, millis, type Cents, type Millis } from "../money.ts";

export type PackId = "starter" | "explorer" | "trader" | "merchant" | "noble";

export type Pack = {
  readonly id: PackId;
  readonly name: string;
  readonly baseMillis: Millis;
  readonly bonusMillis: Millis;
};

function pack(id: PackId, name: string, baseDucats: bigint, bonusDucats: bigint): Pack {
  return { id, name, baseMillis: millis(baseDucats * 1000n), bonusMillis: millis(bonusDucats * 1000n) };
}

export const packs: readonly Pack[] = [
  pack("starter", "Starter", 100n, 0n),
  pack("explorer", "Explorer", 500n, 25n),
  pack("trader", "Trader", 1_000n, 75n),
  pack("merchant", "Merchant", 2_500n, 250n),
  pack("noble", "Noble", 5_000n, 750n),
];

export const packIds = [
  "starter",
  "explorer",
  "trader",
  "merchant",
  "noble",
] as const satisfies readonly PackId[];

/** Bounds of a custom purchase, both included. */
export const customBounds: { readonly min: Cents; readonly max: Cents } = {
  min: cents(1_000n),
  max: cents(1_000_000n),
};

/** The product in Stripe's catalogue that a purchase is sold as; `npm run stripe:setup` makes them. */
export function productId(packId: PackId | null): string {
  return `cascade_ducats_${packId ?? "custom"}`;
}
