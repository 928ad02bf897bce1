/** Reads Stripe's catalogue and endpoints, and makes planned changes one by one. */
import Stripe from "stripe";
import { WEBHOOK_EVENTS, type Change, type Found, type Wanted } from "./plan.ts";

/** Stripe looks up at most so many at once. */
const lookupKeysPerRequest = 10;

export async function read(stripe: Stripe, want: Wanted): Promise<Found> {
  const ids = want.products.map(({ id }) => id);
  const keys = want.prices.map(({ lookupKey }) => lookupKey);
  const [products, endpoints, ...prices] = await Promise.all([
    stripe.products.list({ ids, limit: 100 }),
    stripe.webhookEndpoints.list({ limit: 100 }),
    ...slices(keys).map((some) => stripe.prices.list({ lookup_keys: some, limit: 100 })),
  ]);
  for (const list of [products, endpoints, ...prices]) took(list, "list");
  return {
    products: products.data.map(({ id, name, description, active }) => ({
      id,
      name,
      description: description ?? "",
      active,
    })),
    prices: prices
      .flatMap(({ data }) => data)
      .map((price) => ({
        id: price.id,
        productId: typeof price.product === "string" ? price.product : price.product.id,
        lookupKey: price.lookup_key ?? "",
        amountCents: price.unit_amount ?? 0,
        currency: price.currency,
        interval:
          price.recurring?.interval_count === 1 ? price.recurring.interval : price.recurring && "other",
        active: price.active,
      })),
    endpoints: endpoints.data.map((endpoint) => ({
      id: endpoint.id,
      url: endpoint.url,
      apiVersion: endpoint.api_version,
      events: endpoint.enabled_events,
      enabled: endpoint.status === "enabled",
    })),
  };
}

/**
 * Makes the changes in their order; one that fails leaves those before it made, and a second run goes on from there.
 * @returns the secret of an endpoint made now: Stripe shows it this once.
 */
export async function apply(
  stripe: Stripe,
  changes: readonly Change[],
  onDone: (change: Change) => void,
): Promise<{ readonly webhookSecret: string | null }> {
  let webhookSecret: string | null = null;
  for (const change of changes) {
    webhookSecret = (await make(stripe, change)) ?? webhookSecret;
    onDone(change);
  }
  return { webhookSecret };
}

async function make(stripe: Stripe, change: Change): Promise<string | undefined> {
  switch (change.kind) {
    case "create_product":
      took(await stripe.products.create({ ...change.product }), "product");
      return undefined;
    case "update_product": {
      const { id, name, description } = change.product;
      took(await stripe.products.update(id, { name, description, active: true }), "product");
      return undefined;
    }
    case "create_price": {
      const { price, replaces } = change;
      const made = await stripe.prices.create({
        product: price.productId,
        currency: "usd",
        unit_amount: price.amountCents,
        ...(price.interval !== null && { recurring: { interval: price.interval } }),
        lookup_key: price.lookupKey,
        transfer_lookup_key: true,
      });
      took(made, "price");
      if (replaces) took(await stripe.prices.update(replaces.id, { active: false }), "price");
      return undefined;
    }
    case "create_endpoint": {
      const made = await stripe.webhookEndpoints.create({
        url: change.url,
        enabled_events: [...WEBHOOK_EVENTS],
        api_version: Stripe.API_VERSION,
        description: "CASCADE",
      });
      took(made, "webhook_endpoint");
      return made.secret;
    }
    case "update_endpoint": {
      const made = await stripe.webhookEndpoints.update(change.id, {
        enabled_events: [...WEBHOOK_EVENTS],
        disabled: false,
      });
      took(made, "webhook_endpoint");
      return undefined;
    }
    case "disable_endpoint":
      took(await stripe.webhookEndpoints.update(change.id, { disabled: true }), "webhook_endpoint");
      return undefined;
  }
}

function slices(keys: readonly string[]): string[][] {
  const count = Math.ceil(keys.length / lookupKeysPerRequest);
  return Array.from({ length: count }, (_, index) =>
    keys.slice(index * lookupKeysPerRequest, (index + 1) * lookupKeysPerRequest),
  );
}

/** The SDK returns any JSON without an `error` key as a success: look at what it is. */
function took(answer: { readonly object?: string }, object: string): void {
  if (answer.object !== object)
    throw new Error(`Stripe's answer is no ${object}: is STRIPE_API_BASE the right address?`);
}
