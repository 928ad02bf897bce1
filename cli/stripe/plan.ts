/** What must change in Stripe so that it sells our packs and tells our webhook: the difference, and nothing done yet. */
import { packs, productId } from "../../lib/catalog/packs.ts";
import {
  explorer,
  intervals,
  tierLookupKey,
  tierPrice,
  tierProductId,
  tiers,
  type Interval,
} from "../../lib/catalog/tiers.ts";
import { printDucats, millis, type MicroUsdPerDucat } from "../../lib/money.ts";
import { paymentTypes } from "../../lib/purchase/payment-fact.ts";
import { subscriptionTypes } from "../../lib/subscription/fact.ts";
import { packPrice } from "../../lib/purchase/quote.ts";

/** The events that `stripe-webhook` acts on. */
export const WEBHOOK_EVENTS = [...paymentTypes, ...subscriptionTypes];

export type WantedProduct = { readonly id: string; readonly name: string; readonly description: string };
export type WantedPrice = {
  readonly productId: string;
  readonly lookupKey: string;
  readonly amountCents: number;
  /** Null: paid once. */
  readonly interval: Interval | null;
};

export type Wanted = {
  readonly products: readonly WantedProduct[];
  readonly prices: readonly WantedPrice[];
  /** Null leaves webhook endpoints alone. */
  readonly webhookUrl: string | null;
  /** The SDK's: the webhook doesn't interpret events of another version. */
  readonly apiVersion: string;
};

/** What Stripe has of it today. */
export type Found = {
  readonly products: readonly (WantedProduct & { readonly active: boolean })[];
  readonly prices: readonly (Omit<WantedPrice, "interval"> & {
    /** Whatever Stripe has. */
    readonly interval: string | null;
    readonly id: string;
    readonly active: boolean;
    readonly currency: string;
  })[];
  readonly endpoints: readonly {
    readonly id: string;
    readonly url: string;
    readonly apiVersion: string | null;
    readonly events: readonly string[];
    readonly enabled: boolean;
  }[];
};

export type Change =
  | { readonly kind: "create_product"; readonly product: WantedProduct }
  | { readonly kind: "update_product"; readonly product: WantedProduct; readonly before: string }
  | {
      readonly kind: "create_price";
      readonly price: WantedPrice;
      /** The price that hands its lookup key over and is not sold any more. */
      readonly replaces: { readonly id: string; readonly amountCents: number } | null;
    }
  | { readonly kind: "create_endpoint"; readonly url: string; readonly apiVersion: string }
  | { readonly kind: "update_endpoint"; readonly id: string; readonly url: string; readonly before: string }
  | {
      readonly kind: "disable_endpoint";
      readonly id: string;
      readonly url: string;
      readonly apiVersion: string | null;
    };

/** @param site the site's address; null leaves webhook endpoints alone. */
export function wanted(rate: MicroUsdPerDucat, apiVersion: string, site: string | null): Wanted {
  const sold = packs.map((pack) => {
    const total = printDucats(millis(pack.baseMillis + pack.bonusMillis));
    const bonus = pack.bonusMillis > 0n ? `, ${printDucats(pack.bonusMillis)} of them a bonus` : "";
    return {
      id: productId(pack.id),
      name: `${pack.name} pack: ${total} ducats`,
      description: `${total} ducats for a citizen of Venice${bonus}.`,
    };
  });
  const custom = {
    id: productId(null),
    name: "Ducats, an amount of your choice",
    description: "Ducats for a citizen of Venice, at the day's rate.",
  };
  // Nobody pays for the first tier.
  const paidTiers = tiers.filter(({ id }) => id !== explorer.id);
  const plans = paidTiers.map((tier) => ({
    id: tierProductId(tier.id),
    name: `${tier.name} tier`,
    description:
      `${tier.unitsPerMonth.toLocaleString("en-US")} units a month, up to ${tier.requestsPerMinute.toLocaleString("en-US")} ` +
      `requests a minute, ${tier.apiKeys} API keys, ${printDucats(tier.grantMillisPerMonth)} ducats each month.`,
  }));
  return {
    products: [...sold, custom, ...plans],
    // A custom amount has no price of its own: each purchase states it.
    prices: [
      ...packs.map((pack) => ({
        productId: productId(pack.id),
        lookupKey: `${productId(pack.id)}_usd`,
        amountCents: Number(packPrice(pack.baseMillis, rate)),
        interval: null,
      })),
      ...paidTiers.flatMap((tier) =>
        intervals.map((interval) => ({
          productId: tierProductId(tier.id),
          lookupKey: tierLookupKey(tier.id, interval),
          amountCents: Number(tierPrice(tier, interval)),
          interval,
        })),
      ),
    ],
    webhookUrl: site === null ? null : new URL("/.netlify/functions/stripe-webhook", site).href,
    apiVersion,
  };
}

/** The changes in the order in which they must be made; empty when Stripe is as wanted. */
export function plan(want: Wanted, found: Found): Change[] {
  return [
    ...want.products.flatMap((product) => planProduct(product, found)),
    ...want.prices.flatMap((price) => planPrice(price, found)),
    ...(want.webhookUrl === null ? [] : planEndpoint(want.webhookUrl, want.apiVersion, found)),
  ];
}

function planProduct(product: WantedProduct, found: Found): Change[] {
  const known = found.products.find(({ id }) => id === product.id);
  if (!known) return [{ kind: "create_product", product }];
  if (known.active && known.name === product.name && known.description === product.description) return [];
  return [{ kind: "update_product", product, before: `${known.name}${known.active ? "" : " (archived)"}` }];
}

function planPrice(price: WantedPrice, found: Found): Change[] {
  const known = found.prices.find(({ lookupKey }) => lookupKey === price.lookupKey);
  if (!known) return [{ kind: "create_price", price, replaces: null }];
  const same =
    known.active &&
    known.currency === "usd" &&
    known.amountCents === price.amountCents &&
    known.interval === price.interval &&
    known.productId === price.productId;
  return same ? [] : [{ kind: "create_price", price, replaces: known }];
}

/** An endpoint's version is fixed when it is made: one of another version is replaced, never kept beside ours. */
function planEndpoint(url: string, apiVersion: string, found: Found): Change[] {
  const here = found.endpoints.filter((endpoint) => endpoint.url === url);
  const ours = here.filter((endpoint) => endpoint.apiVersion === apiVersion);
  const kept = ours.find(({ enabled }) => enabled) ?? ours[0];
  const changes: Change[] = [];
  if (!kept) changes.push({ kind: "create_endpoint", url, apiVersion });
  else {
    const faults = [
      ...(kept.enabled ? [] : ["disabled"]),
      ...(sameEvents(kept.events) ? [] : [`events ${kept.events.join(", ")}`]),
    ];
    if (faults.length > 0)
      changes.push({ kind: "update_endpoint", id: kept.id, url, before: faults.join("; ") });
  }
  for (const other of here) {
    if (other.enabled && other.apiVersion !== apiVersion)
      changes.push({ kind: "disable_endpoint", id: other.id, url, apiVersion: other.apiVersion });
  }
  return changes;
}

function sameEvents(events: readonly string[]): boolean {
  return events.length === WEBHOOK_EVENTS.length && WEBHOOK_EVENTS.every((event) => events.includes(event));
}

/** A change as a line to read. */
export function describe(change: Change): string {
  switch (change.kind) {
    case "create_product":
      return `+ product ${change.product.id}: ${change.product.name}`;
    case "update_product":
      return `~ product ${change.product.id}: ${change.before} -> ${change.product.name}`;
    case "create_price": {
      const { price, replaces } = change;
      return replaces
        ? `~ price ${price.lookupKey}: ${dollars(replaces.amountCents)} -> ${dollars(price.amountCents)} (${replaces.id} is archived)`
        : `+ price ${price.lookupKey}: ${dollars(price.amountCents)}${price.interval === null ? "" : ` a ${price.interval}`}`;
    }
    case "create_endpoint":
      return `+ webhook endpoint ${change.url}, API version ${change.apiVersion}`;
    case "update_endpoint":
      return `~ webhook endpoint ${change.id}: ${change.before} -> enabled, our ${WEBHOOK_EVENTS.length} events`;
    case "disable_endpoint":
      return `- webhook endpoint ${change.id} (API version ${change.apiVersion ?? "of the account"}) is disabled`;
  }
}

function dollars(amountCents: number): string {
  return (amountCents / 100).toLocaleString("en-US", { style: "currency", currency: "USD" });
}
