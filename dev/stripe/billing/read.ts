/** Reads what a request says of a subscription: its items, its trial, its end. */
import type { Stripe } from "stripe";
import { sellablePrice } from "../objects/prices.ts";
import { invalid, missing, noSuchIn, unsupported } from "../protocol/errors.ts";
import { mergeMetadata, type MetadataParam } from "../protocol/metadata.ts";
import type { World } from "../world.ts";
import type { ItemChange } from "./change.ts";
import { sameInterval } from "./interval.ts";
import { periodOf, type WantedItem } from "./subscription.ts";

const MOST_ITEMS = 20;
const DAY_SECONDS = 24 * 60 * 60;
const LONGEST_TRIAL_DAYS = 730;

type GivenItem = {
  id?: string;
  price?: string;
  quantity?: number;
  metadata?: MetadataParam;
  deleted?: boolean;
};

/** @throws Refusal for an item that cannot be subscribed to. */
export function readItems(world: World, given: readonly GivenItem[] | undefined): WantedItem[] {
  if (!given || given.length === 0) throw missing("items");
  if (given.length > MOST_ITEMS) {
    throw invalid(`A subscription can have at most ${MOST_ITEMS} items.`, { param: "items" });
  }
  const items = given.map((each, index) => readItem(world, each, `items[${index}]`));
  refuseMixture(items);
  return items;
}

function readItem(world: World, given: GivenItem, at: string): WantedItem {
  if (given.price === undefined) throw missing(`${at}[price]`);
  return {
    price: recurringPrice(world, given.price, `${at}[price]`),
    quantity: readQuantity(given.quantity, at) ?? 1,
    metadata: mergeMetadata(null, given.metadata),
  };
}

export function recurringPrice(world: World, id: string, param: string): Stripe.Price {
  const price = sellablePrice(world, id, param);
  if (price.type !== "recurring") {
    throw invalid(
      `The price specified is set to \`type=one_time\` but this field only accepts prices with \`type=recurring\`.`,
      { param },
    );
  }
  if (price.recurring?.usage_type !== "licensed") throw unsupported("metered prices", param);
  return price;
}

function readQuantity(quantity: number | undefined, at: string): number | undefined {
  if (quantity === undefined || quantity >= 0) return quantity;
  throw invalid("This value must be greater than or equal to 0.", {
    param: `${at}[quantity]`,
    code: "parameter_invalid_integer",
  });
}

function refuseMixture(items: readonly WantedItem[]): void {
  const [first, ...others] = items;
  if (!first) return;
  for (const { price } of others) {
    if (price.currency !== first.price.currency) {
      throw invalid("All prices on a subscription must have the same currency.", { param: "items" });
    }
    if (price.recurring && first.price.recurring && !sameInterval(price.recurring, first.price.recurring)) {
      throw unsupported("subscriptions of several intervals", "items");
    }
  }
  const ids = items.map(({ price }) => price.id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) {
    throw invalid(`Cannot add multiple subscription items with the same plan: ${twice}`, { param: "items" });
  }
}

/** @throws Refusal for an item that is not this subscription's, or a mixture that cannot be. */
export function readChanges(
  world: World,
  subscription: Stripe.Subscription,
  given: readonly GivenItem[] | undefined,
): ItemChange[] {
  const changes = (given ?? []).map((each, index) =>
    readChange(world, subscription, each, `items[${index}]`),
  );
  const changed = new Map(
    changes.flatMap((each) => (each.kind === "add" ? [] : [[each.item, each] as const])),
  );
  const after = subscription.items.data.flatMap((item): WantedItem[] => {
    const change = changed.get(item);
    if (change?.kind === "remove") return [];
    if (change?.kind === "set") return [change.to];
    return [{ price: item.price, quantity: item.quantity ?? 1, metadata: {} }];
  });
  const added = changes.flatMap((each) => (each.kind === "add" ? [each.item] : []));
  if (after.length + added.length === 0) {
    throw invalid("A subscription must have at least one active plan. To cancel a subscription, cancel it.", {
      param: "items",
    });
  }
  refuseMixture([...after, ...added]);
  if (after.length + added.length > MOST_ITEMS) {
    throw invalid(`A subscription can have at most ${MOST_ITEMS} items.`, { param: "items" });
  }
  return changes;
}

function readChange(
  world: World,
  subscription: Stripe.Subscription,
  given: GivenItem,
  at: string,
): ItemChange {
  if (given.id === undefined) return { kind: "add", item: readItem(world, given, at) };
  const item = subscription.items.data.find(({ id }) => id === given.id);
  if (!item) throw noSuchIn(`${at}[id]`, "subscription item", given.id);
  if (given.deleted === true) return { kind: "remove", item };
  const price = given.price === undefined ? item.price : recurringPrice(world, given.price, `${at}[price]`);
  if (price.currency !== subscription.currency) {
    throw invalid("All prices on a subscription must have the same currency.", { param: `${at}[price]` });
  }
  const quantity = readQuantity(given.quantity, at) ?? item.quantity ?? 1;
  return {
    kind: "set",
    item,
    to: { price, quantity, metadata: mergeMetadata(item.metadata, given.metadata) },
  };
}

type GivenTrial = { trial_end?: "now" | number; trial_period_days?: number };

/** @returns when the trial ends; null without one. */
export function readTrial(world: World, given: GivenTrial, at = ""): number | null {
  const param = (name: string): string => (at === "" ? name : `${at}[${name}]`);
  const { trial_end: end, trial_period_days: days } = given;
  if (end !== undefined && days !== undefined) {
    throw invalid("You may only specify one of these parameters: trial_end, trial_period_days.", {
      param: param("trial_end"),
    });
  }
  if (days !== undefined) {
    if (days < 1) {
      throw invalid("The minimum number of trial period days is 1.", { param: param("trial_period_days") });
    }
    if (days > LONGEST_TRIAL_DAYS) {
      throw invalid(`The maximum number of trial period days is ${LONGEST_TRIAL_DAYS} (2 years).`, {
        param: param("trial_period_days"),
      });
    }
    return world.seconds() + days * DAY_SECONDS;
  }
  if (end === undefined || end === "now") return null;
  return futureTrialEnd(world, end, param("trial_end"));
}

export function futureTrialEnd(world: World, end: number, param: string): number {
  if (end <= world.seconds()) {
    throw invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", { param });
  }
  if (end - world.seconds() > LONGEST_TRIAL_DAYS * DAY_SECONDS) {
    throw invalid("Invalid timestamp: can be no more than two years in the future.", { param });
  }
  return end;
}

/** @returns the moment for which prorations are computed. @throws Refusal outside the present period. */
export function readProrationDate(
  world: World,
  subscription: Stripe.Subscription,
  given: number | undefined,
  param = "proration_date",
): number {
  if (given === undefined) return world.seconds();
  const { start, end } = periodOf(subscription);
  if (given >= start && given <= end) return given;
  throw invalid("Cannot specify a proration date outside of the current subscription period.", { param });
}

/** @returns when it is to end; null for never. */
export function readCancelAt(
  world: World,
  subscription: Stripe.Subscription,
  given: number | string | null,
): number | null {
  if (given === "" || given === null) return null;
  if (given === "min_period_end" || given === "max_period_end") return periodOf(subscription).end;
  if (typeof given !== "number") throw unsupported(`cancel_at '${given}'`, "cancel_at");
  if (given <= world.seconds()) {
    throw invalid("The `cancel_at` timestamp must be in the future.", { param: "cancel_at" });
  }
  return given;
}
