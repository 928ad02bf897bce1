/** The states of an account's tier, and when a change of plan happens: dearer at once, cheaper when what is paid for is over. Pure. */
import { tierOf, type Interval, type TierId } from "../catalog/tiers.ts";

/** As `entitlements` answers them. */
export const states = [
  "none",
  "incomplete",
  "trialing",
  "active",
  "ending",
  "grace",
  "lapsed",
  "paused",
  "ended",
] as const;

export type Plan = { readonly tier: TierId; readonly period: Interval };

/** A tier that is null has a price that is none of ours: anything else is more than that. */
type Present = { readonly tier: TierId | null; readonly period: string };

/** `isTrial`: nothing was paid for yet, so every change happens at once. */
export function whenOf(from: Present, to: Plan, isTrial: boolean): "same" | "now" | "later" {
  if (from.tier === to.tier && from.period === to.period) return "same";
  if (isTrial) return "now";
  const isCheaper =
    from.tier !== null && tierOf(to.tier).usdCentsPerMonth < tierOf(from.tier).usdCentsPerMonth;
  return isCheaper || (from.period === "year" && to.period === "month") ? "later" : "now";
}
