/** Prices, one-time and recurring, with a fixed amount per unit. */
import type { Stripe } from "stripe";
import { invalid, missing, noSuch, noSuchIn, onlyOneOf } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata, type MetadataParam } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { copy, type Cause, type World } from "../world.ts";
import { currencyOf, refuseNegative } from "./money.ts";
import { buildProduct, keepProduct, productNamed } from "./products.ts";

const MAX_LOOKUP_KEYS = 10;
const MAX_LOOKUP_KEY_LENGTH = 200;

export type NewPrice = {
  currency: string;
  unit_amount?: number;
  active?: boolean;
  lookup_key?: string;
  transfer_lookup_key?: boolean;
  nickname?: string;
  metadata?: MetadataParam;
  product?: string;
  product_data?: {
    id?: string;
    name: string;
    active?: boolean;
    description?: string;
    images?: string[];
    metadata?: MetadataParam;
    statement_descriptor?: string;
    unit_label?: string;
  };
  recurring?: { interval: string; interval_count?: number; usage_type?: string };
  tax_behavior?: string;
};

/** A price that is checked and not yet stored, so that a request refused later leaves nothing behind. */
export type BuiltPrice = {
  readonly price: Stripe.Price;
  /** Made together with the price. */
  readonly product: Stripe.Product | undefined;
  /** The price that loses its lookup key to this one. */
  readonly robbed: Stripe.Price | undefined;
};

/** @param at where the parameters stand in the request: empty, or `line_items[0][price_data]`. */
export function buildPrice(world: World, params: NewPrice, at = ""): BuiltPrice {
  const param = (name: string) => (at === "" ? name : `${at}[${name}]`);
  const currency = currencyOf(params.currency, param("currency"));
  if (params.unit_amount === undefined) throw missing(param("unit_amount"));
  refuseNegative(params.unit_amount, param("unit_amount"));
  const robbed = holderToRob(world, params);
  const product = newProductFor(world, params, param);
  const price: Stripe.Price = {
    id: world.id("price_1", 23),
    object: "price",
    active: params.active ?? true,
    billing_scheme: "per_unit",
    created: world.seconds(),
    currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: params.lookup_key ?? null,
    metadata: mergeMetadata(null, params.metadata),
    nickname: params.nickname ?? null,
    product: product?.id ?? params.product ?? "",
    recurring: params.recurring ? recurringOf(params.recurring, param("recurring")) : null,
    tax_behavior: params.tax_behavior ?? "unspecified",
    tiers_mode: null,
    transform_quantity: null,
    type: params.recurring ? "recurring" : "one_time",
    unit_amount: params.unit_amount,
    unit_amount_decimal: onTheWire(params.unit_amount),
  };
  return { price, product, robbed };
}

export function keepPrice(world: World, cause: Cause, { price, product, robbed }: BuiltPrice): Stripe.Price {
  if (product) keepProduct(world, cause, product);
  rob(world, cause, robbed);
  world.prices.add(price);
  world.emit(cause, "price.created", price);
  return price;
}

/** The SDK reads a decimal from text; kept here is the text. */
export function onTheWire(amount: number): Stripe.Decimal {
  return String(amount) as unknown as Stripe.Decimal;
}

/** @returns the product to be made, undefined when the price is for one that is there. */
function newProductFor(
  world: World,
  params: NewPrice,
  param: (name: string) => string,
): Stripe.Product | undefined {
  if (params.product !== undefined && params.product_data !== undefined) {
    throw onlyOneOf(param("product"), param("product_data"));
  }
  if (params.product !== undefined) {
    productNamed(world, params.product, param("product"));
    return undefined;
  }
  if (params.product_data !== undefined) return buildProduct(world, params.product_data);
  throw invalid("You must specify either `product` or `product_data` when creating a price.", {
    param: param("product"),
    code: "parameter_missing",
  });
}

function recurringOf(given: NonNullable<NewPrice["recurring"]>, param: string): Stripe.Price.Recurring {
  const count = given.interval_count ?? 1;
  if (count < 1) {
    throw invalid("This value must be greater than or equal to 1.", {
      param: `${param}[interval_count]`,
      code: "parameter_invalid_integer",
    });
  }
  return {
    interval: given.interval,
    interval_count: count,
    meter: null,
    trial_period_days: null,
    usage_type: given.usage_type ?? "licensed",
  };
}

/**
 * A lookup key names one price; taking it from another needs `transfer_lookup_key`.
 * @returns the price that has it now.
 */
function holderToRob(
  world: World,
  params: { lookup_key?: string; transfer_lookup_key?: boolean },
  self?: string,
): Stripe.Price | undefined {
  const key = params.lookup_key;
  if (key === undefined || key === "") return undefined;
  if (key.length > MAX_LOOKUP_KEY_LENGTH) {
    throw invalid(
      `Invalid string: ${key.slice(0, 20)}…; must be at most ${MAX_LOOKUP_KEY_LENGTH} characters`,
      {
        param: "lookup_key",
      },
    );
  }
  const holder = world.prices.oldestFirst().find((price) => price.lookup_key === key && price.id !== self);
  if (holder && params.transfer_lookup_key !== true) {
    throw invalid(`A price (\`${holder.id}\`) already uses that lookup key.`, { param: "lookup_key" });
  }
  return holder;
}

function rob(world: World, cause: Cause, holder: Stripe.Price | undefined): void {
  if (!holder) return;
  const before = copy(holder);
  holder.lookup_key = null;
  world.emit(cause, "price.updated", holder, before);
}

/** @throws Refusal naming `param` when there is no such price or it is no longer sold. */
export function sellablePrice(world: World, id: string, param: string): Stripe.Price {
  const price = world.prices.get(id);
  if (!price) throw noSuchIn(param, "price", id);
  if (!price.active) {
    throw invalid("The price specified is inactive. This field only accepts active prices.", { param });
  }
  return price;
}

/** @throws Refusal naming `param` when the price is not this product's, or does not recur. */
export function priceOfProduct(world: World, id: string, product: string, param: string): Stripe.Price {
  const price = sellablePrice(world, id, param);
  if (price.product === product && price.type === "recurring") return price;
  throw invalid(`The price ${id} is no recurring price of the product ${product}.`, { param });
}

function found(world: World, id: string): Stripe.Price {
  const price = world.prices.get(id);
  if (!price) throw noSuch("price", id);
  return price;
}

export const prices = [
  route<Stripe.PriceCreateParams>({
    verb: "POST",
    path: "/v1/prices",
    method: "PriceResource.create",
    supports: [
      "active",
      "billing_scheme",
      "currency",
      "lookup_key",
      "metadata",
      "nickname",
      "product",
      "product_data.active",
      "product_data.id",
      "product_data.metadata",
      "product_data.name",
      "product_data.statement_descriptor",
      "product_data.unit_label",
      "recurring.interval",
      "recurring.interval_count",
      "recurring.usage_type",
      "tax_behavior",
      "transfer_lookup_key",
      "unit_amount",
    ],
    answers: "price",
    run({ world, cause, params }) {
      if (params.billing_scheme === "tiered") throw missing("tiers");
      return keepPrice(world, cause, buildPrice(world, params));
    },
  }),
  route<Stripe.PriceRetrieveParams>({
    verb: "GET",
    path: "/v1/prices/:id",
    method: "PriceResource.retrieve",
    supports: [],
    answers: "price",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.PriceUpdateParams>({
    verb: "POST",
    path: "/v1/prices/:id",
    method: "PriceResource.update",
    supports: ["active", "lookup_key", "metadata", "nickname", "tax_behavior", "transfer_lookup_key"],
    answers: "price",
    run({ world, id, cause, params }) {
      const price = found(world, id);
      const metadata = mergeMetadata(price.metadata, params.metadata);
      rob(world, cause, holderToRob(world, params, id));
      const before = copy(price);
      if (params.lookup_key !== undefined) price.lookup_key = params.lookup_key || null;
      if (params.active !== undefined) price.active = params.active;
      if (params.nickname !== undefined) price.nickname = params.nickname;
      if (params.tax_behavior !== undefined) price.tax_behavior = params.tax_behavior;
      price.metadata = metadata;
      world.emit(cause, "price.updated", price, before);
      return price;
    },
  }),
  route<Stripe.PriceListParams>({
    verb: "GET",
    path: "/v1/prices",
    method: "PriceResource.list",
    supports: [
      "active",
      "created",
      "currency",
      "lookup_keys",
      "product",
      "recurring.interval",
      "type",
      "limit",
      "starting_after",
      "ending_before",
    ],
    answers: "price",
    run({ world, params }) {
      const keys = params.lookup_keys;
      if (keys && keys.length > MAX_LOOKUP_KEYS) {
        throw invalid(`You may specify at most ${MAX_LOOKUP_KEYS} lookup keys.`, { param: "lookup_keys" });
      }
      const all = world.prices
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ active }) => params.active === undefined || active === params.active)
        .filter(({ currency }) => params.currency === undefined || currency === params.currency)
        .filter(({ lookup_key: key }) => keys === undefined || (key !== null && keys.includes(key)))
        .filter(({ product }) => params.product === undefined || product === params.product)
        .filter(({ recurring }) => {
          const interval = params.recurring?.interval;
          return interval === undefined || recurring?.interval === interval;
        })
        .filter(({ type }) => params.type === undefined || type === params.type);
      return page(all, params, "/v1/prices", "price");
    },
  }),
];
