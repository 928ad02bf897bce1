/** What somebody typed as a custom amount, against its bounds and today's rate. Pure. */
import { millisForCents, parseDollars, printDollars, printDucats, splitWhole } from "./money.ts";
import type { Packs } from "./wire.ts";

export type CustomAmount =
  { readonly kind: "fits"; readonly cents: bigint } | { readonly kind: "wrong"; readonly words: string };

export function customAmount(typed: string, bounds: Packs["custom"]): CustomAmount {
  const cents = parseDollars(typed);
  if (cents === undefined) return { kind: "wrong", words: "Write an amount like 25 or 25.50." };
  if (cents < BigInt(bounds.minCents))
    return { kind: "wrong", words: `The least is ${printDollars(BigInt(bounds.minCents))}.` };
  if (cents > BigInt(bounds.maxCents))
    return { kind: "wrong", words: `The most is ${printDollars(BigInt(bounds.maxCents))}.` };
  return { kind: "fits", cents };
}

export type Gives = { readonly ducats: string; readonly fraction: string };

export function gives(cents: bigint, microUsdPerDucat: number, deliverTo: "venice" | "wallet"): Gives {
  const millis = millisForCents(cents, BigInt(microUsdPerDucat));
  const { fraction } = splitWhole(millis);
  const stays = deliverTo === "venice" && fraction > 0n;
  return {
    ducats: `${printDucats(millis)} ducats`,
    fraction: stays ? `Venice takes whole ducats: ${printDucats(fraction)} stays in your wallet here.` : "",
  };
}
