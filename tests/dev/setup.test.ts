/** The operator's setups against the stand-ins: the first run makes, the second finds nothing, a change is moved. */
import Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { environmentFor } from "../../cli/environment.ts";
import { apply, read } from "../../cli/stripe/apply.ts";
import { describe as line, plan, wanted, WEBHOOK_EVENTS, type Change } from "../../cli/stripe/plan.ts";
import { applyVenice, planVenice, readVenice } from "../../cli/venice-setup.ts";
import { startAirtable, type Airtable } from "../../dev/airtable/start.ts";
import { startStripe, type StripeStandIn } from "../../dev/stripe/start.ts";
import { productId } from "../../lib/catalog/packs.ts";
import { microUsdPerDucat } from "../../lib/money.ts";
import { stripeClient } from "../../lib/stripe/client.ts";

const rate = microUsdPerDucat(100_000n);
const site = "https://cascade.example";
const webhookUrl = `${site}/.netlify/functions/stripe-webhook`;

describe("stripe:setup", () => {
  let standIn: StripeStandIn;
  let stripe: Stripe;

  beforeEach(async () => {
    standIn = await startStripe({ apiKey: "sk_test_setup" });
    stripe = await stripeClient({ STRIPE_SECRET_KEY: "sk_test_setup", STRIPE_API_BASE: standIn.url });
  });
  afterEach(() => standIn.close());

  async function run(
    want = wanted(rate, Stripe.API_VERSION, site),
  ): Promise<{ changes: Change[]; secret: string | null }> {
    const changes = plan(want, await read(stripe, want));
    const { webhookSecret } = await apply(stripe, changes, () => undefined);
    return { changes, secret: webhookSecret };
  }

  test("makes the products and prices of packs and tiers, and the endpoint; a second run finds nothing to do", async () => {
    const first = await run();
    expect(first.changes.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 10 }, () => "create_product"),
      ...Array.from({ length: 13 }, () => "create_price"),
      "create_endpoint",
    ]);
    expect(first.secret).toMatch(/^whsec_/);
    expect(await run()).toEqual({ changes: [], secret: null });

    const product = await stripe.products.retrieve(productId("explorer"));
    expect(product.name).toBe("Explorer pack: 525 ducats");
    const prices = await stripe.prices.list({ lookup_keys: ["cascade_ducats_explorer_usd"] });
    expect(prices.data.map((price) => [price.unit_amount, price.currency, price.product])).toEqual([
      [5_000, "usd", productId("explorer")],
    ]);
    const yearly = await stripe.prices.list({ lookup_keys: ["cascade_tier_builder_year"] });
    expect(yearly.data.map((price) => [price.unit_amount, price.recurring?.interval, price.product])).toEqual(
      [[99_000, "year", "cascade_tier_builder"]],
    );
    const endpoints = await stripe.webhookEndpoints.list();
    expect(
      endpoints.data.map((each) => [each.url, each.api_version, [...each.enabled_events].sort()]),
    ).toEqual([[webhookUrl, Stripe.API_VERSION, [...WEBHOOK_EVENTS].sort()]]);
  });

  test("a changed price takes the lookup key over, and the old one is not sold any more", async () => {
    await run();
    const [before] = (await stripe.prices.list({ lookup_keys: ["cascade_ducats_starter_usd"] })).data;
    const dearer = wanted(microUsdPerDucat(102_000n), Stripe.API_VERSION, site);
    const { changes } = await run(dearer);
    expect(changes.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => "create_price"));
    expect(changes.map(line)[0]).toBe(
      `~ price cascade_ducats_starter_usd: $10.00 -> $10.20 (${before?.id ?? ""} is archived)`,
    );
    const after = (await stripe.prices.list({ lookup_keys: ["cascade_ducats_starter_usd"] })).data;
    expect(after.map((price) => [price.unit_amount, price.active])).toEqual([[1_020, true]]);
    expect(await stripe.prices.retrieve(before?.id ?? "")).toMatchObject({ active: false, lookup_key: null });
    expect((await run(dearer)).changes).toEqual([]);
  });

  test("mends what somebody changed: a renamed product, a narrowed and disabled endpoint", async () => {
    await run();
    await stripe.products.update(productId(null), { name: "Something else", active: false });
    const [endpoint] = (await stripe.webhookEndpoints.list()).data;
    await stripe.webhookEndpoints.update(endpoint?.id ?? "", { enabled_events: ["*"], disabled: true });
    const { changes, secret } = await run();
    expect(changes.map(({ kind }) => kind)).toEqual(["update_product", "update_endpoint"]);
    expect(secret).toBeNull();
    expect((await run()).changes).toEqual([]);
  });

  test("leaves the endpoint alone without a site", async () => {
    await run(wanted(rate, Stripe.API_VERSION, null));
    expect((await stripe.webhookEndpoints.list()).data).toEqual([]);
  });

  test("an endpoint of another API version is replaced, then disabled", () => {
    const want = { ...wanted(rate, "2026-10-28.endive", site), products: [], prices: [] };
    const old = {
      id: "we_1",
      url: webhookUrl,
      apiVersion: "2024-06-20",
      events: [...WEBHOOK_EVENTS],
      enabled: true,
    };
    const changes = plan(want, { products: [], prices: [], endpoints: [old] });
    expect(changes.map(({ kind }) => kind)).toEqual(["create_endpoint", "disable_endpoint"]);
  });
});

describe("venice:setup", () => {
  let airtable: Airtable;
  const variables = () => ({
    AIRTABLE_API_KEY: airtable.apiKey,
    AIRTABLE_BASE_ID: airtable.baseId,
    AIRTABLE_ENDPOINT_URL: airtable.url,
  });

  beforeEach(async () => {
    airtable = await startAirtable({ seedProcessor: false });
  });
  afterEach(() => airtable.close());

  test("makes the processor citizen once, and never writes its purse again", async () => {
    const env = variables();
    const first = planVenice(await readVenice(env));
    expect(first.kind).toBe("create");
    await applyVenice(env, first);
    expect(airtable.citizen("CASCADE_PAYMENT_PROCESSOR")?.fields).toMatchObject({
      FirstName: "CASCADE",
      SocialClass: "Innovatori",
      Ducats: 1_000_000,
      Influence: 1_000,
      IsAI: true,
      InVenice: true,
    });

    airtable.setDucats("CASCADE_PAYMENT_PROCESSOR", 12.5);
    const second = planVenice(await readVenice(env));
    expect(second).toMatchObject({ kind: "present", purse: "12.5 ducats" });
    await applyVenice(env, second);
    expect(airtable.citizen("CASCADE_PAYMENT_PROCESSOR")?.fields["Ducats"]).toBe(12.5);
  });

  test("says so when there are several", () => {
    const plan = planVenice([
      { id: "rec1", ducats: 1 },
      { id: "rec2", ducats: 2 },
    ]);
    expect(plan).toEqual({ kind: "several", recordIds: ["rec1", "rec2"] });
  });
});

describe("a command's environment", () => {
  test("names what the command uses and is missing, and nothing else", () => {
    expect(() => environmentFor(["STRIPE_SECRET_KEY"], {})).toThrow(/: STRIPE_SECRET_KEY is not set$/);
    expect(environmentFor(["STRIPE_SECRET_KEY"], { STRIPE_SECRET_KEY: "sk_test_1" }).STRIPE_SECRET_KEY).toBe(
      "sk_test_1",
    );
  });

  test("refuses a live key beside a stand-in's address", () => {
    const variables = { STRIPE_SECRET_KEY: "sk_live_1", STRIPE_API_BASE: "http://127.0.0.1:1" };
    expect(() => environmentFor(["STRIPE_SECRET_KEY", "STRIPE_API_BASE"], variables)).toThrow(/live key/);
  });
});
