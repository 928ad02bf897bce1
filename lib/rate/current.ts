/** The price of a ducat. It opened at $0.10 and holds until inputs move it. */
import { microUsdPerDucat, type MicroUsdPerDucat } from "../money.ts";

export type Rate = { readonly microUsdPerDucat: MicroUsdPerDucat; readonly asOf: Date };

const opening: Rate = {
  microUsdPerDucat: microUsdPerDucat(100_000n),
  asOf: new Date("2026-11-01T00:00:00Z"),
};

export function currentRate(): Rate {
  return opening;
}
