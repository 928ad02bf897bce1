/** What an order costs and gives, at a rate. Pure: the database pins the result, the webhook never recomputes it. */
import { packs, type PackId } from "../catalog/packs.ts";
import { cents, millis, type Cents, type MicroUsdPerDucat, type Millis } from "../money.ts";

export type Order = { readonly pack: PackId } | { readonly amountCents: Cents };

export type Quote = {
  readonly pack: PackId | null;
  readonly amountCents: Cents;
  readonly baseMillis: Millis;
  readonly bonusMillis: Millis;
  readonly microUsdPerDucat: MicroUsdPerDucat;
};

/** Millis of a ducat × micro-dollars per ducat, in one cent. */
const perCent = 10_000_000n;

export function quote(order: Order, rate: MicroUsdPerDucat): Quote {
  if ("pack" in order) {
    const pack = packs.find(({ id }) => id === order.pack);
    if (!pack) throw new Error(`no pack ${order.pack}`);
    return {
      pack: pack.id,
      amountCents: packPrice(pack.baseMillis, rate),
      baseMillis: pack.baseMillis,
      bonusMillis: pack.bonusMillis,
      microUsdPerDucat: rate,
    };
  }
  return {
    pack: null,
    amountCents: order.amountCents,
    baseMillis: millis((order.amountCents * perCent) / rate),
    bonusMillis: millis(0n),
    microUsdPerDucat: rate,
  };
}

/** base × rate, half a cent up. */
export function packPrice(baseMillis: Millis, rate: MicroUsdPerDucat): Cents {
  return cents((baseMillis * rate + perCent / 2n) / perCent);
}
