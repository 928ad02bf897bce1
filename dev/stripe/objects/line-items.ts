/** The line items of a Checkout Session. */
import type { Stripe } from "stripe";
import { sameInterval } from "../billing/interval.ts";
import { invalid, missing, onlyOneOf, unsupported } from "../protocol/errors.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import type { World } from "../world.ts";
import { buildPrice, sellablePrice, type BuiltPrice } from "./prices.ts";

const MAX_LINE_ITEMS = 100;

type Params = readonly Stripe.Checkout.SessionCreateParams.LineItem[];

export type ReadLineItem = { readonly item: Stripe.LineItem; readonly built: BuiltPrice | undefined };

type Mode = "payment" | "subscription";

/**
 * Checks the line items; prices made for them alone are built and left to the caller to keep.
 * @throws Refusal when there is none, when one has no price, or when they differ in currency.
 */
export function readLineItems(world: World, params: Params | undefined, mode: Mode): ReadLineItem[] {
  if (!params || params.length === 0) throw missing("line_items");
  if (params.length > MAX_LINE_ITEMS) {
    throw invalid(`You can have at most ${MAX_LINE_ITEMS} line items.`, { param: "line_items" });
  }
  const items = params.map((each, index) => lineItem(world, each, `line_items[${index}]`, mode));
  const [first] = items;
  if (mode === "subscription") refuseSeveralIntervals(items);
  const other = items.findIndex((each) => each.item.currency !== first?.item.currency);
  if (other >= 0) {
    throw invalid("You can not use different currencies in the line items of one Checkout Session.", {
      param: `line_items[${other}]`,
    });
  }
  return items;
}

/** @throws Refusal for a price that the mode has no use for. */
function refuseOtherMode(price: Stripe.Price, mode: Mode, at: string): void {
  if (mode === "subscription") {
    if (price.type !== "recurring") {
      throw unsupported("one-time prices beside those of a subscription", `${at}[price]`);
    }
    return;
  }
  if (price.type === "recurring") {
    throw invalid(
      "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only " +
        "one-time prices.",
      { param: "mode" },
    );
  }
}

function lineItem(world: World, item: Params[number], at: string, mode: Mode): ReadLineItem {
  const { price, built } = priceOf(world, item, at);
  refuseOtherMode(price, mode, at);
  const quantity = item.quantity;
  if (quantity === undefined) {
    throw invalid(`Quantity is required. Add \`quantity\` to \`${at}\``, {
      param: `${at}[quantity]`,
      code: "parameter_missing",
    });
  }
  if (quantity < 1) {
    throw invalid("This value must be greater than or equal to 1.", {
      param: `${at}[quantity]`,
      code: "parameter_invalid_integer",
    });
  }
  const amount = (price.unit_amount ?? 0) * quantity;
  const product =
    built?.product ?? (typeof price.product === "string" ? world.products.get(price.product) : undefined);
  const read: Stripe.LineItem = {
    id: world.id("li_1", 23),
    object: "item",
    adjustable_quantity: null,
    amount_discount: 0,
    amount_subtotal: amount,
    amount_tax: 0,
    amount_total: amount,
    currency: price.currency,
    description: product?.name ?? null,
    metadata: mergeMetadata(null, item.metadata),
    price,
    quantity,
  };
  return { item: read, built };
}

function refuseSeveralIntervals([first, ...others]: readonly ReadLineItem[]): void {
  const every = first?.item.price?.recurring;
  const other = others.findIndex(
    ({ item }) => every && item.price?.recurring && !sameInterval(every, item.price.recurring),
  );
  if (other >= 0) throw unsupported("subscriptions of several intervals", `line_items[${other + 1}]`);
}

type Priced = { readonly price: Stripe.Price; readonly built: BuiltPrice | undefined };

function priceOf(world: World, item: Params[number], at: string): Priced {
  if (item.price !== undefined && item.price_data !== undefined) {
    throw onlyOneOf(`${at}[price]`, `${at}[price_data]`);
  }
  if (item.price !== undefined) {
    return { price: sellablePrice(world, item.price, `${at}[price]`), built: undefined };
  }
  if (item.price_data === undefined) {
    throw invalid("You must specify either `price` or `price_data` for each line item.", {
      param: at,
      code: "parameter_missing",
    });
  }
  // A price made for one session is not on sale elsewhere.
  const built = buildPrice(world, { ...item.price_data, active: false }, `${at}[price_data]`);
  return { price: built.price, built };
}
