/** What an order costs and gives, at a rate. Pure: the database pins the result, the webhook never recomputes it. */
import { packs, type PackId } from "../catalog/packs.ts";
import { cents, millis, type Cents, type MicroUsdPerDucat, type Millis } from "../money.ts";

export type Order = { readonly pack: PackId } | { readonly amountCents: Cents };

/** What an order fixes itself: a pack its ducats, a custom amount its dollars. The rate gives the other (null). */
export type OrderTerms = {
  readonly pack: PackId | null;
  readonly amountCents: Cents | null;
  readonly baseMillis: Millis | null;
  readonly bonusMillis: Millis;
};

export type Quote = {
  readonly pack: PackId | null;
  readonly amountCents: Cents;
  readonly baseMillis: Millis;
  readonly bonusMillis: Millis;
  readonly microUsdPerDucat: MicroUsdPerDucat;
};

/** Millis of a ducat × micro-dollars per ducat, in one cent. */
const perCent = 10_000_000n;

export function orderTerms(order: Order): OrderTerms {
  if (!("pack" in order))
    return { pack: null, amountCents: order.amountCents, baseMillis: null, bonusMillis: millis(0n) };
  const pack = packs.find(({ id }) => id === order.pack);
  if (!pack) throw new Error(`no pack ${order.pack}`);
  return { pack: pack.id, amountCents: null, baseMillis: pack.baseMillis, bonusMillis: pack.bonusMillis };
}

/** As the database reckons an order that comes without a quote: price_cents and bought_millis. */
export function quote(order: Order, rate: MicroUsdPerDucat): Quote {
  const { pack, amountCents, baseMillis, bonusMillis } = orderTerms(order);
  return {
    pack,
    amountCents: amountCents ?? packPrice(baseMillis ?? millis(0n), rate),
    baseMillis: baseMillis ?? millis(((amountCents ?? 0n) * perCent) / rate),
    bonusMillis,
    microUsdPerDucat: rate,
  };
}

/** base × rate, half a cent up. */
export function packPrice(baseMillis: Millis, rate: MicroUsdPerDucat): Cents {
  return cents((baseMillis * rate + perCent / 2n) / perCent);
}
