/** The stand-in for Stripe, asked by the real SDK over real sockets. */
import { Stripe } from "stripe";
import { describe, expect, test } from "vitest";
import { startStripe } from "../../dev/stripe/start.ts";
import {
  API_KEY,
  ask,
  client,
  control,
  pageForm,
  purchase,
  refusal,
  SECRET,
  start,
  startShop,
  startWithShop,
} from "./stripe-shop.ts";

describe("starting", () => {
  test("refuses a live key and production", async () => {
    await expect(startStripe({ apiKey: "sk_live_abc" })).rejects.toThrow("test key only");
    const environment = process.env["NODE_ENV"];
    process.env["NODE_ENV"] = "production";
    try {
      await expect(startStripe({ apiKey: API_KEY })).rejects.toThrow("production");
    } finally {
      process.env["NODE_ENV"] = environment;
    }
  });
});

describe("protocol", () => {
  test("401 for a missing and for another key, 200 for the key as bearer and as basic", async () => {
    const { standIn } = await start();
    const missing = await fetch(`${standIn.url}/v1/products`);
    expect(missing.status).toBe(401);
    expect(await missing.json()).toMatchObject({
      error: {
        type: "invalid_request_error",
        message: expect.stringContaining("did not provide an API key") as string,
      },
    });
    const error = await refusal(client(standIn, "sk_test_another").products.list());
    expect(error).toBeInstanceOf(Stripe.errors.StripeAuthenticationError);
    expect(error.message).toContain("Invalid API Key provided: sk_test_***");
    const basic = `Basic ${Buffer.from(`${API_KEY}:`).toString("base64")}`;
    expect((await ask(standIn, "/v1/products", { headers: { authorization: basic } })).status).toBe(200);
  });

  test("400 for another API version, for JSON, for a connected account", async () => {
    const { standIn } = await start();
    const version = await ask(standIn, "/v1/products", { headers: { "stripe-version": "2020-08-27" } });
    expect(version.status).toBe(400);
    const json = await ask(standIn, "/v1/products", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(json.status).toBe(400);
    expect((await ask(standIn, "/v1/products", { headers: { "stripe-account": "acct_1" } })).status).toBe(
      400,
    );
  });

  test("answers name the request and the version", async () => {
    const { stripe } = await start();
    const { lastResponse } = await stripe.products.create({ name: "Ducats" });
    expect(lastResponse.requestId).toMatch(/^req_/);
    expect(lastResponse.apiVersion).toBe(Stripe.API_VERSION);
  });

  test("404 in Stripe's envelope for an endpoint it does not have", async () => {
    const { stripe, standIn } = await start();
    const error = await refusal(stripe.quotes.list());
    expect(error).toMatchObject({ statusCode: 404, type: "StripeInvalidRequestError" });
    expect(error.message).toContain("Unrecognized request URL (GET: /v1/quotes)");
    expect(await (await ask(standIn, "/v2/core/events")).json()).toMatchObject({
      error: { type: "invalid_request_error" },
    });
  });

  test.each([
    ["unknown", { name: "x", colour: "red" }, "parameter_unknown", "colour"],
    ["missing", {}, "parameter_missing", "name"],
    ["empty", { name: "" }, "parameter_invalid_empty", "name"],
    [
      "not implemented",
      { name: "x", package_dimensions: { height: 1, length: 1, weight: 1, width: 1 } },
      "stand_in_unsupported",
      "package_dimensions[height]",
    ],
    [
      "nested unknown",
      { name: "x", tax_details: { colour: "red" } },
      "parameter_unknown",
      "tax_details[colour]",
    ],
  ])("refuses a parameter that is %s", async (_, params, code, param) => {
    const { stripe, standIn } = await start();
    const error = await refusal(stripe.products.create(params as Stripe.ProductCreateParams));
    expect(error).toMatchObject({ statusCode: 400, code, param });
    expect(standIn.world.products.oldestFirst()).toEqual([]);
  });

  test("refuses what is not an integer, not a boolean, not a hash, not one of the choices", async () => {
    const { stripe } = await start();
    const list = (params: object) => refusal(stripe.products.list(params));
    expect(await list({ limit: "ten" })).toMatchObject({ code: "parameter_invalid_integer", param: "limit" });
    expect(await list({ limit: 101 })).toMatchObject({ code: "parameter_invalid_integer", param: "limit" });
    expect(await list({ active: "perhaps" })).toMatchObject({ param: "active" });
    expect(await list({ url: { a: "b" } })).toMatchObject({ param: "url" });
    const mode = await refusal(stripe.checkout.sessions.create({ mode: "gift" }));
    expect(mode.message).toBe("Invalid mode: must be one of payment, setup, or subscription");
  });

  test("merges metadata, unsets one key and all keys, keeps Stripe's limits", async () => {
    const { stripe } = await start();
    const { id } = await stripe.customers.create({ email: "a@b.test", metadata: { a: "1", b: "2" } });
    expect((await stripe.customers.update(id, { metadata: { b: "", c: 3 } })).metadata).toEqual({
      a: "1",
      c: "3",
    });
    expect((await stripe.customers.update(id, { metadata: { a: null } })).metadata).toEqual({ c: "3" });
    expect((await stripe.customers.update(id, { metadata: "" })).metadata).toEqual({});
    const long = await refusal(stripe.customers.update(id, { metadata: { ["k".repeat(41)]: "v" } }));
    expect(long.message).toContain("up to 40 characters");
  });
});

describe("idempotency", () => {
  test("replays the first answer, under the first request's name", async () => {
    const { stripe, standIn } = await start();
    const first = await stripe.customers.create({ email: "a@b.test" }, { idempotencyKey: "key-1" });
    const second = await stripe.customers.create({ email: "a@b.test" }, { idempotencyKey: "key-1" });
    expect(second.id).toBe(first.id);
    expect(second.lastResponse.headers["idempotent-replayed"]).toBe("true");
    expect(second.lastResponse.headers["original-request"]).toBe(first.lastResponse.requestId);
    expect(standIn.world.customers.oldestFirst()).toHaveLength(1);
  });

  test("the same parameters in another order are the same parameters", async () => {
    const { standIn } = await start();
    const headers = { "content-type": "application/x-www-form-urlencoded", "idempotency-key": "key-0" };
    const send = (body: string) => ask(standIn, "/v1/customers", { method: "POST", body, headers });
    await send("name=Marco&metadata[a]=1");
    const again = await send("metadata[a]=1&name=Marco");
    expect(again.headers.get("idempotent-replayed")).toBe("true");
  });

  test("replays a refusal of the work, forgets a refusal of the parameters", async () => {
    const { stripe } = await start();
    const again = () => refusal(stripe.refunds.create({ charge: "ch_none" }, { idempotencyKey: "key-2" }));
    await again();
    expect((await again()).headers?.["idempotent-replayed"]).toBe("true");
    const bad = { nam: "x" } as object as Stripe.ProductCreateParams;
    await refusal(stripe.products.create(bad, { idempotencyKey: "key-3" }));
    expect((await stripe.products.create({ name: "x" }, { idempotencyKey: "key-3" })).name).toBe("x");
  });

  test("400 for other parameters and for another endpoint", async () => {
    const { stripe } = await start();
    await stripe.products.create({ name: "x" }, { idempotencyKey: "key-4" });
    const other = await refusal(stripe.products.create({ name: "y" }, { idempotencyKey: "key-4" }));
    expect(other).toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
    expect(other.statusCode).toBe(400);
    const elsewhere = await refusal(stripe.customers.create({ name: "x" }, { idempotencyKey: "key-4" }));
    expect(elsewhere).toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
  });

  test("409 while the first request is at work", async () => {
    const { stripe, standIn } = await start();
    standIn.gate.shut();
    const both = [1, 2].map(() => stripe.products.create({ name: "x" }, { idempotencyKey: "key-5" }));
    const late = await Promise.race(both.map((each) => refusal(each)));
    expect(late).toMatchObject({ statusCode: 409, code: "idempotency_key_in_use" });
    standIn.gate.open();
    const settled = await Promise.allSettled(both);
    expect(settled.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(standIn.world.products.oldestFirst()).toHaveLength(1);
  });

  test("a key is new again after a day", async () => {
    let now = new Date("2026-11-01T00:00:00Z");
    const { stripe } = await start({ now: () => now });
    const first = await stripe.products.create({ name: "x" }, { idempotencyKey: "key-6" });
    now = new Date("2026-11-02T00:00:01Z");
    expect((await stripe.products.create({ name: "x" }, { idempotencyKey: "key-6" })).id).not.toBe(first.id);
  });
});

describe("lists and expansion", () => {
  test("pages forwards and backwards, newest first", async () => {
    const { stripe } = await start();
    const ids: string[] = [];
    for (const name of ["a", "b", "c", "d", "e"]) ids.unshift((await stripe.products.create({ name })).id);
    const first = await stripe.products.list({ limit: 2 });
    expect(first).toMatchObject({ object: "list", has_more: true, url: "/v1/products" });
    expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const last = await stripe.products.list({ limit: 3, starting_after: ids[1] ?? "" });
    expect(last.has_more).toBe(false);
    expect(last.data.map(({ id }) => id)).toEqual(ids.slice(2));
    const before = await stripe.products.list({ limit: 2, ending_before: ids[3] ?? "" });
    expect(before.data.map(({ id }) => id)).toEqual(ids.slice(1, 3));
    expect(before.has_more).toBe(true);
    const all: string[] = [];
    for await (const each of stripe.products.list({ limit: 2 })) all.push(each.id);
    expect(all).toEqual(ids);
    expect(await refusal(stripe.products.list({ starting_after: "prod_no" }))).toMatchObject({
      code: "resource_missing",
      param: "starting_after",
    });
  });

  test("filters by the time of creation", async () => {
    let now = new Date(1_000_000_000);
    const { stripe } = await start({ now: () => now });
    await stripe.customers.create({ name: "early" });
    now = new Date(2_000_000_000);
    await stripe.customers.create({ name: "late" });
    const names = async (created: Stripe.CustomerListParams["created"]) =>
      (await stripe.customers.list(created === undefined ? {} : { created })).data.map(({ name }) => name);
    expect(await names({ gt: 1_000_000 })).toEqual(["late"]);
    expect(await names({ lte: 1_000_000 })).toEqual(["early"]);
    expect(await names(2_000_000)).toEqual(["late"]);
  });

  test("finds prices by lookup key and moves the key", async () => {
    const { stripe } = await start();
    const product = await stripe.products.create({ id: "pack_small", name: "Small pack" });
    expect(product.id).toBe("pack_small");
    const taken = await refusal(stripe.products.create({ id: "pack_small", name: "Again" }));
    expect(taken.code).toBe("resource_already_exists");
    const price = { currency: "usd", unit_amount: 500, product: product.id, lookup_key: "small" };
    const old = await stripe.prices.create(price);
    expect((await refusal(stripe.prices.create(price))).param).toBe("lookup_key");
    const next = await stripe.prices.create({ ...price, transfer_lookup_key: true });
    const { data } = await stripe.prices.list({ lookup_keys: ["small"], expand: ["data.product"] });
    expect(data.map(({ id }) => id)).toEqual([next.id]);
    expect(data[0]?.product).toMatchObject({ id: "pack_small", name: "Small pack" });
    expect((await stripe.prices.retrieve(old.id)).lookup_key).toBeNull();
  });

  test("expands four levels deep, in lists under data, and refuses the rest", async () => {
    const { stripe, standIn } = await start();
    const { id } = await stripe.checkout.sessions.create(purchase());
    standIn.pay(id);
    const session = await stripe.checkout.sessions.retrieve(id, {
      expand: ["payment_intent.latest_charge.balance_transaction.source", "line_items.data.price.product"],
    });
    const { payment_intent: intent, line_items: items } = session;
    expect(intent).toMatchObject({
      latest_charge: { balance_transaction: { net: 9_900 - 317, source: { object: "charge" } } },
    });
    expect(items?.data[0]?.price?.product).toMatchObject({ name: "1,000 ducats" });
    const listed = await stripe.checkout.sessions.list({ expand: ["data.payment_intent"] });
    expect(listed.data[0]?.payment_intent).toMatchObject({ object: "payment_intent" });

    const retrieve = (expand: string) => refusal(stripe.checkout.sessions.retrieve(id, { expand: [expand] }));
    expect((await retrieve("metadata")).message).toBe("This property cannot be expanded (metadata).");
    expect((await retrieve("nothing")).message).toBe("This property cannot be expanded (nothing).");
    expect((await retrieve("a.b.c.d.e")).message).toContain("more than 4 levels");
    const unprefixed = await refusal(stripe.checkout.sessions.list({ expand: ["payment_intent"] }));
    expect(unprefixed.message).toContain("You may want to try expanding 'data.payment_intent'");
  });

  test("a request with an expansion that is refused changes nothing", async () => {
    const { stripe, standIn } = await start();
    await refusal(stripe.checkout.sessions.create(purchase({ expand: ["nothing"] })));
    expect(standIn.world.sessions.oldestFirst()).toEqual([]);
    expect(standIn.world.events.oldestFirst()).toEqual([]);
  });
});

describe("Checkout Sessions", () => {
  test("a session is open, unpaid and has no PaymentIntent yet", async () => {
    const { stripe, standIn } = await start();
    const session = await stripe.checkout.sessions.create(purchase({ customer_email: "marco@venice.test" }));
    expect(session).toMatchObject({
      object: "checkout.session",
      status: "open",
      payment_status: "unpaid",
      payment_intent: null,
      amount_total: 9_900,
      currency: "usd",
      livemode: false,
      url: `${standIn.url}/c/pay/${session.id}`,
    });
    expect(session.id).toMatch(/^cs_test_/);
    expect(session.expires_at - session.created).toBe(24 * 60 * 60);
    const { data } = await stripe.checkout.sessions.listLineItems(session.id);
    expect(data).toMatchObject([
      { object: "item", quantity: 1, amount_total: 9_900, description: "1,000 ducats" },
    ]);
  });

  test("refuses contradictions, bad addresses, bad times, bad money, and leaves nothing behind", async () => {
    const now = new Date("2026-11-20T12:00:00.900Z");
    const seconds = Math.floor(now.getTime() / 1000);
    const { stripe, standIn } = await start({ now: () => now });
    const { id: product } = await stripe.products.create({ name: "Tier" });
    const { id: monthly } = await stripe.prices.create({
      currency: "usd",
      unit_amount: 9_900,
      product,
      recurring: { interval: "month" },
    });
    const events = standIn.world.events.oldestFirst().length;
    const create = (extra: object) => refusal(stripe.checkout.sessions.create({ ...purchase(), ...extra }));
    const priced = (price_data: object) => ({
      line_items: [
        { quantity: 1, price_data: { currency: "usd", product_data: { name: "x" }, ...price_data } },
      ],
    });
    expect(await create({ expires_at: seconds + 30 * 60 - 1 })).toMatchObject({ param: "expires_at" });
    expect(await create({ expires_at: seconds + 24 * 60 * 60 + 1 })).toMatchObject({ param: "expires_at" });
    expect(await create({ success_url: undefined })).toMatchObject({
      code: "parameter_missing",
      param: "success_url",
    });
    expect(await create({ success_url: "/thanks" })).toMatchObject({
      code: "url_invalid",
      param: "success_url",
    });
    expect(await create({ customer: "cus_no" })).toMatchObject({
      code: "resource_missing",
      param: "customer",
    });
    expect(await create({ customer_email: "marco" })).toMatchObject({ code: "email_invalid" });
    expect(await create({ line_items: undefined })).toMatchObject({
      code: "parameter_missing",
      param: "line_items",
    });
    expect(await create({ payment_method_types: ["card"] })).toMatchObject({ code: "parameter_unknown" });
    expect(await create({ mode: "subscription" })).toMatchObject({ param: "payment_intent_data" });
    expect(await create({ line_items: [{ price: monthly, quantity: 1 }] })).toMatchObject({ param: "mode" });
    expect(await create(priced({ unit_amount: 49 }))).toMatchObject({ code: "amount_too_small" });
    expect(await create(priced({ unit_amount: 100_000_000 }))).toMatchObject({ code: "amount_too_large" });
    expect(await create(priced({ unit_amount: -1 }))).toMatchObject({ code: "parameter_invalid_integer" });
    expect(await create(priced({ unit_amount: 100, currency: "duc" }))).toMatchObject({
      param: "line_items[0][price_data][currency]",
    });
    expect(standIn.world.sessions.oldestFirst()).toEqual([]);
    expect(standIn.world.products.oldestFirst()).toHaveLength(1);
    expect(standIn.world.events.oldestFirst()).toHaveLength(events);
    const session = await stripe.checkout.sessions.create(purchase({ expires_at: seconds + 30 * 60 }));
    expect(session.expires_at).toBe(seconds + 30 * 60);
  });

  test("paid on the page: a person is sent to success_url and the objects agree", async () => {
    const { stripe, shop, standIn } = await startWithShop();
    const session = await stripe.checkout.sessions.create(purchase({ client_reference_id: "marco" }));
    const page = await fetch(session.url ?? "");
    const text = await page.text();
    expect(page.status).toBe(200);
    expect(text).toContain("1,000 ducats");
    expect(text).toContain("$99.00");
    expect(text).toContain('<label for="card">Card number</label>');
    expect(text).toContain("https://shop.test/buy");

    const paid = await pageForm(session.url, {
      email: "marco@venice.test",
      card: "4242 4242 4242 4242",
      action: "pay",
    });
    expect(paid.status).toBe(303);
    expect(paid.headers.get("location")).toBe(`https://shop.test/thanks?session=${session.id}`);
    const after = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ["payment_intent.latest_charge"],
    });
    expect(after).toMatchObject({
      status: "complete",
      payment_status: "paid",
      url: null,
      customer: null,
      customer_details: { email: "marco@venice.test" },
      payment_intent: {
        status: "succeeded",
        amount_received: 9_900,
        metadata: { purchase: "pur_1" },
        latest_charge: { status: "succeeded", paid: true, metadata: { purchase: "pur_1" } },
      },
    });
    const [charge] = (await stripe.charges.list()).data;
    expect(await (await fetch(charge?.receipt_url ?? "")).text()).toContain("Receipt for $99.00");
    await standIn.flush();
    expect(shop.types()).toEqual([
      "product.created",
      "price.created",
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.succeeded",
      "checkout.session.completed",
      "charge.updated",
    ]);
  });

  test("a second press of the button does not pay a second time", async () => {
    const { stripe, standIn } = await start();
    const { url } = await stripe.checkout.sessions.create(purchase({ customer_email: "marco@venice.test" }));
    await pageForm(url, { card: "4242424242424242", action: "pay" });
    const again = await pageForm(url, { card: "4242424242424242", action: "pay" });
    expect(again.status).toBe(303);
    expect(standIn.world.paymentIntents.oldestFirst()).toHaveLength(1);
    expect(await (await fetch(url ?? "")).text()).toContain("This payment is complete");
  });

  test.each([
    ["4000000000000002", "Your card was declined.", "card_declined", "generic_decline"],
    ["4000000000009995", "Your card has insufficient funds.", "card_declined", "insufficient_funds"],
    ["4000000000000069", "Your card has expired.", "expired_card", undefined],
    ["4000000000000127", "Your card&#39;s security code is incorrect.", "incorrect_cvc", undefined],
  ])("card %s is declined, and the PaymentIntent is taken up again", async (card, message, code, decline) => {
    const { stripe, standIn, shop } = await startWithShop();
    const { id, url } = await stripe.checkout.sessions.create(purchase());
    const declined = await pageForm(url, { email: "marco@venice.test", card, action: "pay" });
    expect(declined.status).toBe(402);
    const page = await declined.text();
    expect(page).toContain(message);
    expect(page).toContain('role="alert"');
    expect(page).toContain("marco@venice.test");
    const [intent] = (await stripe.paymentIntents.list()).data;
    expect(intent).toMatchObject({
      status: "requires_payment_method",
      last_payment_error: { code, type: "card_error" },
    });
    expect(intent?.last_payment_error?.decline_code).toBe(decline);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: "open",
      payment_status: "unpaid",
    });

    await pageForm(url, { email: "marco@venice.test", card: "4242424242424242", action: "pay" });
    const session = await stripe.checkout.sessions.retrieve(id);
    expect(session).toMatchObject({ status: "complete", payment_intent: intent?.id });
    await standIn.flush();
    expect(shop.types().slice(2)).toEqual([
      "payment_intent.created",
      "charge.failed",
      "payment_intent.payment_failed",
      "charge.succeeded",
      "payment_intent.succeeded",
      "checkout.session.completed",
      "charge.updated",
    ]);
    expect(standIn.check()).toEqual([]);
  });

  test("the page wants an email address and a test card's number", async () => {
    const { stripe, standIn } = await start();
    const { url } = await stripe.checkout.sessions.create(purchase());
    expect((await pageForm(url, { email: "", card: "4242424242424242", action: "pay" })).status).toBe(422);
    const mistyped = await pageForm(url, { email: "a@b.test", card: "4242424242424241", action: "pay" });
    expect(await mistyped.text()).toContain("Your card number is incorrect.");
    const real = await pageForm(url, { email: "a@b.test", card: "4111111111111111", action: "pay" });
    expect(await real.text()).toContain("used a non test card");
    const button = await pageForm(url, { email: "", action: "decline" });
    expect(button.status).toBe(402);
    expect(standIn.world.charges.oldestFirst().map(({ status }) => status)).toEqual(["failed"]);
  });

  test("expires by its clock, by the API only while open, and shows so", async () => {
    let now = new Date("2026-11-20T12:00:00Z");
    const { stripe, standIn, shop } = await startWithShop({ now: () => now });
    const expires_at = Math.floor(now.getTime() / 1000) + 30 * 60;
    const { id, url } = await stripe.checkout.sessions.create(purchase({ expires_at }));
    standIn.decline(id);
    now = new Date(expires_at * 1000);
    expect((await fetch(url ?? "")).status).toBe(410);
    expect((await pageForm(url, { email: "a@b.test", card: "4242424242424242", action: "pay" })).status).toBe(
      410,
    );
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({ status: "expired", url: null });
    const error = await refusal(stripe.checkout.sessions.expire(id));
    expect(error.message).toContain("has a status of `expired`");
    await standIn.flush();
    expect(shop.types().slice(-2)).toEqual(["payment_intent.canceled", "checkout.session.expired"]);

    const other = await stripe.checkout.sessions.create(purchase());
    expect((await stripe.checkout.sessions.expire(other.id)).status).toBe("expired");
    const third = await stripe.checkout.sessions.create(purchase());
    expect((await control(standIn, `/sessions/${third.id}/expire`)).status).toBe(200);
    expect((await control(standIn, `/sessions/${third.id}/pay`)).status).toBe(200);
    expect(await stripe.checkout.sessions.retrieve(third.id)).toMatchObject({ payment_status: "unpaid" });
  });

  test("a bank debit completes unpaid and succeeds or fails later", async () => {
    const { stripe, standIn, shop } = await startWithShop();
    const good = await stripe.checkout.sessions.create(purchase());
    const paid = await pageForm(good.url, { email: "a@b.test", means: "bank_debit", action: "pay" });
    expect(paid.status).toBe(303);
    expect(await stripe.checkout.sessions.retrieve(good.id)).toMatchObject({
      status: "complete",
      payment_status: "unpaid",
    });
    standIn.settleDebit(good.id, "succeeds");
    expect(await stripe.checkout.sessions.retrieve(good.id)).toMatchObject({ payment_status: "paid" });
    expect(() => standIn.settleDebit(good.id, "fails")).toThrow("No bank debit is on its way");

    const bad = await stripe.checkout.sessions.create(purchase());
    standIn.pay(bad.id, { bankDebit: true });
    expect((await control(standIn, `/sessions/${bad.id}/settle-debit`, { how: "fails" })).status).toBe(200);
    const [intent] = (await stripe.paymentIntents.list()).data;
    expect(intent).toMatchObject({ status: "requires_payment_method" });
    await standIn.flush();
    expect(shop.types().filter((type) => type.startsWith("checkout"))).toEqual([
      "checkout.session.completed",
      "checkout.session.async_payment_succeeded",
      "checkout.session.completed",
      "checkout.session.async_payment_failed",
    ]);
    expect(standIn.check()).toEqual([]);
  });

  test("a customer who pays twice leaves two sessions and two PaymentIntents with the same metadata", async () => {
    const { stripe, standIn } = await start();
    const { id } = await stripe.checkout.sessions.create(purchase({ customer_creation: "always" }));
    standIn.pay(id, { email: "marco@venice.test" });
    const { session, outcome } = standIn.payAgain(id);
    expect(outcome.kind).toBe("paid");
    expect(session.id).not.toBe(id);
    const { data } = await stripe.paymentIntents.list();
    expect(data.map(({ status, metadata }) => [status, metadata["purchase"]])).toEqual([
      ["succeeded", "pur_1"],
      ["succeeded", "pur_1"],
    ]);
    expect(standIn.check()).toEqual([]);
  });

  test("a total of zero completes without a payment", async () => {
    const { stripe, standIn } = await start();
    const { id } = await stripe.checkout.sessions.create(
      purchase({
        line_items: [
          { quantity: 1, price_data: { currency: "usd", unit_amount: 0, product_data: { name: "Gift" } } },
        ],
      }),
    );
    standIn.pay(id);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: "complete",
      payment_status: "no_payment_required",
      payment_intent: null,
    });
  });
});

describe("payments and refunds", () => {
  async function paid() {
    const started = await startWithShop();
    const { id } = await started.stripe.checkout.sessions.create(purchase());
    started.standIn.pay(id);
    const { payment_intent: intent } = await started.stripe.checkout.sessions.retrieve(id);
    return { ...started, sessionId: id, intent: typeof intent === "string" ? intent : "" };
  }

  test("refunds a part, then the rest, and never more", async () => {
    const { stripe, intent, standIn, shop } = await paid();
    const part = await stripe.refunds.create({
      payment_intent: intent,
      amount: 4_000,
      metadata: { why: "half" },
    });
    expect(part).toMatchObject({ status: "succeeded", amount: 4_000, payment_intent: intent });
    const over = await refusal(stripe.refunds.create({ payment_intent: intent, amount: 6_000 }));
    expect(over.message).toBe("Refund amount ($60.00) is greater than unrefunded amount on charge ($59.00)");
    const rest = await stripe.refunds.create({ payment_intent: intent, reason: "requested_by_customer" });
    expect(rest.amount).toBe(5_900);
    expect(await refusal(stripe.refunds.create({ payment_intent: intent }))).toMatchObject({
      code: "charge_already_refunded",
    });
    const { data } = await stripe.charges.list({ payment_intent: intent, expand: ["data.refunds"] });
    expect(data[0]).toMatchObject({ refunded: true, amount_refunded: 9_900 });
    expect(data[0]?.refunds?.data.map(({ amount }) => amount)).toEqual([5_900, 4_000]);
    await stripe.refunds.update(part.id, { metadata: { why: "" } });
    await standIn.flush();
    expect(shop.types().slice(-6)).toEqual([
      "refund.created",
      "charge.refunded",
      "refund.created",
      "charge.refunded",
      "refund.updated",
      "charge.refund.updated",
    ]);
    expect(standIn.check()).toEqual([]);
  });

  test("two refunds of everything at once: one is made", async () => {
    const { stripe, intent } = await paid();
    const settled = await Promise.allSettled(
      [1, 2].map(() => stripe.refunds.create({ payment_intent: intent })),
    );
    expect(settled.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("refuses a refund of what is not there or not paid", async () => {
    const { stripe, standIn } = await start();
    expect((await refusal(stripe.refunds.create({}))).message).toBe(
      "One of the following params should be provided for this request: payment_intent or charge.",
    );
    expect(await refusal(stripe.refunds.create({ charge: "ch_no" }))).toMatchObject({
      code: "resource_missing",
      param: "id",
      statusCode: 404,
    });
    expect(await refusal(stripe.refunds.create({ payment_intent: "pi_no" }))).toMatchObject({
      code: "resource_missing",
      statusCode: 400,
    });
    const { id } = await stripe.checkout.sessions.create(purchase());
    standIn.decline(id);
    const [intent] = (await stripe.paymentIntents.list()).data;
    const unpaid = await refusal(stripe.refunds.create({ payment_intent: intent?.id ?? "" }));
    expect(unpaid.message).toContain("does not have a successful charge to refund");
  });

  test("a PaymentIntent takes metadata; one that is done or belongs to an open session is not canceled", async () => {
    const { stripe, intent, standIn } = await paid();
    const changed = await stripe.paymentIntents.update(intent, { metadata: { note: "n" } });
    expect(changed.metadata).toEqual({ purchase: "pur_1", note: "n" });
    expect(await refusal(stripe.paymentIntents.cancel(intent))).toMatchObject({
      code: "payment_intent_unexpected_state",
    });
    const open = await stripe.checkout.sessions.create(purchase());
    standIn.decline(open.id);
    const [waiting] = (await stripe.paymentIntents.list()).data;
    expect((await refusal(stripe.paymentIntents.cancel(waiting?.id ?? ""))).message).toContain(
      "open Checkout Session",
    );
  });

  test("the balance is what the balance transactions add up to", async () => {
    let now = new Date("2026-11-20T12:00:00Z");
    const { stripe, standIn } = await start({ now: () => now });
    const { id } = await stripe.checkout.sessions.create(purchase());
    standIn.pay(id);
    const net = 9_900 - 317;
    expect((await stripe.balance.retrieve()).pending).toEqual([{ amount: net, currency: "usd" }]);
    now = new Date("2026-11-23T12:00:00Z");
    expect((await stripe.balance.retrieve()).available).toEqual([{ amount: net, currency: "usd" }]);
  });
});

describe("events and webhooks", () => {
  test("an event is signed as Stripe signs, and can be read again", async () => {
    const { stripe, standIn, shop } = await startWithShop();
    const { id } = await stripe.checkout.sessions.create(purchase(), { idempotencyKey: "key-7" });
    standIn.pay(id);
    await standIn.flush();
    const last = shop.received.find(({ event }) => event.type === "checkout.session.completed");
    const event = stripe.webhooks.constructEvent(last?.body ?? "", last?.signature ?? "", SECRET);
    expect(event).toMatchObject({
      object: "event",
      type: "checkout.session.completed",
      api_version: Stripe.API_VERSION,
      livemode: false,
      request: { id: null, idempotency_key: null },
      data: { object: { id, payment_status: "paid" } },
    });
    expect(() =>
      stripe.webhooks.constructEvent(last?.body ?? "", last?.signature ?? "", "whsec_other"),
    ).toThrow();
    expect(await stripe.events.retrieve(event.id)).toMatchObject({ id: event.id, pending_webhooks: 0 });
    const { data } = await stripe.events.list({ types: ["price.created"] });
    expect(data).toMatchObject([{ request: { idempotency_key: "key-7" } }]);
    expect((await stripe.events.list({ type: "payment_intent.*" })).data).toHaveLength(2);
  });

  test("an endpoint gets the events it asked for; its secret is told once", async () => {
    const shop = await startShop();
    const { stripe, standIn } = await start();
    const endpoint = await stripe.webhookEndpoints.create({
      url: shop.url,
      enabled_events: ["customer.created"],
      api_version: Stripe.API_VERSION,
    });
    expect(endpoint.secret).toMatch(/^whsec_/);
    expect((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret).toBeUndefined();
    await stripe.products.create({ name: "not asked for" });
    await stripe.customers.create({ name: "Marco" });
    await standIn.flush();
    expect(shop.types()).toEqual(["customer.created"]);
    const [first] = shop.received;
    expect(() =>
      stripe.webhooks.constructEvent(first?.body ?? "", first?.signature ?? "", endpoint.secret ?? ""),
    ).not.toThrow();
    await stripe.webhookEndpoints.update(endpoint.id, { disabled: true });
    await stripe.customers.create({ name: "Lucia" });
    await stripe.webhookEndpoints.del(endpoint.id);
    await stripe.customers.create({ name: "Anna" });
    await standIn.flush();
    expect(shop.received).toHaveLength(1);
    const unknown = {
      url: shop.url,
      enabled_events: ["a.b"],
    } as object as Stripe.WebhookEndpointCreateParams;
    expect((await refusal(stripe.webhookEndpoints.create(unknown))).param).toBe("enabled_events[0]");
  });

  test("a delivery that fails is tried again, and given up at last", async () => {
    const { stripe, standIn, shop } = await startWithShop();
    shop.answers.push(500, 302);
    await stripe.customers.create({ name: "Marco" });
    await standIn.flush();
    expect(standIn.webhooks.deliveries[0]).toMatchObject({ state: "delivered" });
    expect(standIn.webhooks.deliveries[0]?.attempts.map(({ status }) => status)).toEqual([500, 302, 200]);
    const ids = new Set(shop.received.map(({ event }) => event.id));
    expect(ids.size).toBe(1);

    shop.answers.push(500, 500, 500);
    await stripe.customers.create({ name: "Lucia" });
    await standIn.flush();
    expect(standIn.webhooks.deliveries[1]).toMatchObject({ state: "failed" });
    const failed = await stripe.events.list({ delivery_success: false });
    expect(failed.data).toMatchObject([{ type: "customer.created", pending_webhooks: 1 }]);
  });

  test("nobody listening is a failed delivery, and not an error of the call", async () => {
    const { stripe, standIn } = await start({ webhook: { url: "http://127.0.0.1:1/none", secret: SECRET } });
    await stripe.customers.create({ name: "Marco" });
    await standIn.flush();
    const [delivery] = standIn.webhooks.deliveries;
    expect(delivery).toMatchObject({ state: "failed" });
    expect(delivery?.attempts[0]).toMatchObject({ status: null });
  });

  test("holds, releases in reverse, duplicates, reorders, loses", async () => {
    const { stripe, standIn, shop } = await startWithShop();
    standIn.webhooks.hold();
    const { id } = await stripe.checkout.sessions.create(purchase());
    standIn.pay(id);
    await standIn.flush();
    expect(shop.received).toEqual([]);
    standIn.webhooks.release({ reverse: true });
    await standIn.flush();
    expect(shop.types().slice(0, 2)).toEqual(["charge.updated", "checkout.session.completed"]);
    expect(shop.types().at(-1)).toBe("product.created");

    shop.received.length = 0;
    standIn.webhooks.disturb({ duplicates: 2, types: ["customer.created"] });
    await stripe.customers.create({ name: "Marco" });
    await stripe.products.create({ name: "x" });
    await standIn.flush();
    expect(shop.types()).toEqual([
      "customer.created",
      "customer.created",
      "customer.created",
      "product.created",
    ]);
    expect(new Set(shop.received.map(({ event }) => event.id)).size).toBe(2);

    shop.received.length = 0;
    standIn.webhooks.calm();
    standIn.webhooks.disturb({ reorder: true, lose: 1, concurrent: true });
    await stripe.customers.create({ name: "lost" });
    const second = await stripe.checkout.sessions.create(purchase());
    await standIn.flush();
    shop.received.length = 0;
    standIn.webhooks.disturb({ concurrent: false, delayMs: 1 });
    standIn.pay(second.id);
    await standIn.flush();
    expect(shop.types()).toEqual([
      "charge.updated",
      "checkout.session.completed",
      "payment_intent.succeeded",
      "charge.succeeded",
      "payment_intent.created",
    ]);
    expect(standIn.webhooks.deliveries.filter(({ state }) => state === "lost")).toHaveLength(1);
  });

  test("resends an event by its id, under its own id and under another", async () => {
    const { stripe, standIn, shop } = await startWithShop();
    await stripe.customers.create({ name: "Marco" });
    await standIn.flush();
    const id = shop.received[0]?.event.id ?? "";
    expect((await control(standIn, `/events/${id}/resend`, { times: 2 })).status).toBe(200);
    standIn.webhooks.resend(id, { asNewEvent: true });
    await standIn.flush();
    const ids = shop.received.map(({ event }) => event.id);
    expect(ids.slice(0, 3)).toEqual([id, id, id]);
    expect(ids[3]).not.toBe(id);
    expect(shop.received[3]?.event.data).toEqual(shop.received[0]?.event.data);
    expect((await control(standIn, "/events/evt_no/resend")).status).toBe(409);
    expect(standIn.check()).toEqual([]);
  });
});

describe("faults", () => {
  test("a status refuses before the work, as often as planned", async () => {
    const { standIn, stripe } = await start();
    standIn.faults.plan({ kind: "status", status: 503, method: "POST" });
    const error = await refusal(stripe.products.create({ name: "x" }));
    expect(error).toMatchObject({ statusCode: 503, type: "StripeAPIError" });
    standIn.faults.plan({ kind: "status", status: 429, path: "/v1/products" });
    expect(await refusal(stripe.products.list())).toBeInstanceOf(Stripe.errors.StripeRateLimitError);
    expect(standIn.world.products.oldestFirst()).toEqual([]);
    expect(standIn.faults.seen.map(({ status }) => status)).toEqual([503, 429]);
  });

  test("cut before the work: nothing is done", async () => {
    const { standIn } = await start();
    standIn.faults.plan({ kind: "drop_before" });
    const sent = ask(standIn, "/v1/customers", {
      method: "POST",
      body: "name=Marco",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    await expect(sent).rejects.toThrow();
    expect(standIn.world.customers.oldestFirst()).toEqual([]);
  });

  test("cut after the work: it is done once, and the same key tells what was done", async () => {
    const { standIn, stripe } = await start();
    standIn.faults.plan({ kind: "drop_after", body: "Marco" });
    const headers = { "content-type": "application/x-www-form-urlencoded", "idempotency-key": "key-8" };
    await expect(
      ask(standIn, "/v1/customers", { method: "POST", body: "name=Marco", headers }),
    ).rejects.toThrow();
    const [made] = standIn.world.customers.oldestFirst();
    const again = await stripe.customers.create({ name: "Marco" }, { idempotencyKey: "key-8" });
    expect(again.id).toBe(made?.id);
    expect(standIn.world.customers.oldestFirst()).toHaveLength(1);
  });

  test("repeated: done twice without a key, once with one", async () => {
    const { standIn, stripe } = await start();
    standIn.faults.plan({ kind: "repeat", body: "Marco", times: 2 });
    await ask(standIn, "/v1/customers", {
      method: "POST",
      body: "name=Marco",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(standIn.world.customers.oldestFirst()).toHaveLength(2);
    const answer = await stripe.customers.create({ name: "Marco" }, { idempotencyKey: "key-9" });
    expect(answer.lastResponse.headers["idempotent-replayed"]).toBe("true");
    expect(standIn.world.customers.oldestFirst()).toHaveLength(3);
  });

  test("late: the answer comes after the time that was planned, control routes at once", async () => {
    const { standIn, stripe } = await start();
    const planned = await control(standIn, "/faults", { kind: "latency", latencyMs: 30 });
    expect(planned.status).toBe(201);
    const began = performance.now();
    await stripe.products.list();
    expect(performance.now() - began).toBeGreaterThan(25);
    const seen = (await (await fetch(`${standIn.url}/_control/requests`)).json()) as unknown[];
    expect(seen).toMatchObject([{ method: "GET", path: "/v1/products", status: 200 }]);
  });
});

describe("shapes and control", () => {
  test("everything a busy day leaves behind fits the SDK's types", async () => {
    const { stripe, standIn, shop } = await startWithShop();
    const product = await stripe.products.create({ name: "Tier", metadata: { tier: "builder" } });
    await stripe.products.update(product.id, { description: "More" });
    const price = await stripe.prices.create({ currency: "usd", unit_amount: 700, product: product.id });
    await stripe.prices.create({
      currency: "usd",
      unit_amount: 9_900,
      product: product.id,
      recurring: { interval: "month" },
    });
    await stripe.prices.update(price.id, { nickname: "seven" });
    await stripe.products.update(product.id, { default_price: price.id });
    const customer = await stripe.customers.create({ email: "marco@venice.test", name: "Marco" });
    await stripe.customers.update(customer.id, { phone: "1" });
    const { id } = await stripe.checkout.sessions.create(
      purchase({ customer: customer.id, line_items: [{ price: price.id, quantity: 3 }] }),
    );
    standIn.decline(id);
    standIn.pay(id, { card: "5555555555554444" });
    const guest = await stripe.checkout.sessions.create(
      purchase({ customer_creation: "always", locale: "it" }),
    );
    standIn.pay(guest.id);
    await stripe.refunds.create({ charge: standIn.world.charges.newestFirst()[0]?.id ?? "" });
    const debit = await stripe.checkout.sessions.create(purchase());
    standIn.pay(debit.id, { bankDebit: true });
    standIn.settleDebit(debit.id, "succeeds");
    standIn.expire((await stripe.checkout.sessions.create(purchase())).id);
    await stripe.customers.del(customer.id);
    await standIn.flush();
    expect(shop.received.length).toBe(standIn.world.events.oldestFirst().length);
    expect(standIn.check()).toEqual([]);
    expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ deleted: true });
  });

  test("the check sees a field that is wrong, missing or unknown", async () => {
    const { stripe, standIn } = await start();
    const { id } = await stripe.customers.create({ name: "Marco" });
    const stored = standIn.world.customers.get(id);
    if (!stored) throw new Error("The customer is not stored");
    Object.assign(stored, { balance: "nothing", colour: "red", created: undefined });
    expect(standIn.check()).toEqual([
      "customer.colour: no such field in Customer",
      'customer.balance: expected a number, found "nothing"',
      "customer.created: missing",
    ]);
  });

  test("the control page shows what happened, and its buttons work", async () => {
    const { stripe, standIn, shop } = await startWithShop();
    const { id } = await stripe.checkout.sessions.create(purchase());
    const press = (path: string, fields: Record<string, string> = {}) =>
      pageForm(`${standIn.url}/_control/${path}`, fields);
    expect((await press(`sessions/${id}/pay`)).status).toBe(303);
    await standIn.flush();
    const page = await (await fetch(`${standIn.url}/_control`)).text();
    expect(page).toContain(id);
    expect(page).toContain("checkout.session.completed");
    expect(page).toContain("delivered: 200");
    const count = shop.received.length;
    await press(`events/${shop.received[0]?.event.id ?? ""}/resend`, { asNewEvent: "true" });
    await press("webhooks/disturb", { duplicates: "1" });
    expect(standIn.webhooks.disorder.duplicates).toBe(1);
    await press("page/faults", { kind: "status" });
    expect((await refusal(stripe.products.list())).statusCode).toBe(500);
    await standIn.flush();
    expect(shop.received.length).toBe(count + 1);
    expect((await control(standIn, "/webhooks/disturb", { noise: 1 })).status).toBe(400);
    expect(await (await fetch(`${standIn.url}/_control/check`)).json()).toEqual([]);
  });
});
