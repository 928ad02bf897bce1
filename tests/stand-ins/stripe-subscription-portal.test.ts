/** The billing portal at the stand-in: configured, opened and clicked through. */
import type { Stripe } from "stripe";
import { expect, test } from "vitest";
import { pageForm, refusal } from "./stripe-shop.ts";
import { at, balances, DAY, day, HOUR, latest, subscriber } from "./stripe-subscriber.ts";

type Features = Stripe.BillingPortal.ConfigurationCreateParams.Features;

async function portal(features: Features = {}, from: "basic" | "pro" = "basic") {
  const made = await subscriber("2026-04-01");
  const { stripe, plans, customer } = made;
  const { id } = await made.subscribe(plans[from]);
  const configuration = await stripe.billingPortal.configurations.create({
    features: {
      payment_method_update: { enabled: true },
      invoice_history: { enabled: true },
      subscription_cancel: { enabled: true, mode: "at_period_end" },
      subscription_update: {
        enabled: true,
        default_allowed_updates: ["price"],
        products: [
          { product: plans.product, prices: [plans.basic] },
          { product: plans.proProduct, prices: [plans.pro, plans.yearly] },
        ],
        proration_behavior: "always_invoice",
      },
      ...features,
    },
  });
  const open = (extra: Partial<Stripe.BillingPortal.SessionCreateParams> = {}) =>
    stripe.billingPortal.sessions.create({
      customer,
      configuration: configuration.id,
      return_url: "https://shop.test/account",
      ...extra,
    });
  return { ...made, id, configuration, open };
}

test("shows the plan, the card and the invoices; changes the plan and bills it", async () => {
  const { stripe, standIn, id, open, plans, until } = await portal();
  await until(at("2026-04-11"));
  const session = await open();
  const page = await (await fetch(session.url)).text();
  for (const text of [
    "Basic: $10.00",
    "renews on 2026-05-01",
    "Change to Pro ($40.00 / month)",
    "4242",
    "-0001",
  ]) {
    expect(page).toContain(text);
  }
  const sent = await pageForm(session.url, { action: "plan", subscription: id, price: plans.pro });
  expect(sent.headers.get("location")).toBe(`/p/session/${session.id}`);
  expect((await stripe.subscriptions.retrieve(id)).items.data[0]?.price.id).toBe(plans.pro);
  expect(await latest(stripe, id)).toMatchObject({ status: "paid", amount_paid: 2_000 });
  const wrong = await pageForm(session.url, { action: "plan", subscription: id, price: "price_no" });
  expect(wrong.status).toBe(409);
  await balances(stripe, standIn);
});

test("cancels at the period's end by cancel_at, as flexible billing does, and takes it back", async () => {
  const { stripe, standIn, id, open, until } = await portal({
    subscription_cancel: {
      enabled: true,
      cancellation_reason: { enabled: true, options: ["too_expensive", "other"] },
    },
  });
  const session = await open({
    flow_data: {
      type: "subscription_cancel",
      subscription_cancel: { subscription: id },
      after_completion: { type: "redirect", redirect: { return_url: "https://shop.test/bye" } },
    },
  });
  expect(await (await fetch(session.url)).text()).not.toContain("Change to Pro");
  const mark = standIn.events.mark();
  const sent = await pageForm(session.url, { action: "cancel", subscription: id, feedback: "too_expensive" });
  expect(sent.headers.get("location")).toBe("https://shop.test/bye");
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
    status: "active",
    cancel_at: at("2026-05-01"),
    cancel_at_period_end: false,
    cancellation_details: { feedback: "too_expensive", reason: "cancellation_requested" },
  });
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual(["customer.subscription.updated"]);
  const flow = { type: "subscription_cancel", subscription_cancel: { subscription: id } } as const;
  expect((await refusal(open({ flow_data: flow }))).message).toContain("already set to be canceled");
  const other = await open();
  await pageForm(other.url, { action: "keep", subscription: id });
  expect((await stripe.subscriptions.retrieve(id)).cancel_at).toBeNull();
  standIn.portal.cancel(other.id, id);
  await until(at("2026-05-01"));
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("canceled");
  await balances(stripe, standIn);
});

test("a card becomes the customer's default; a subscription with its own keeps it until it is named", async () => {
  const { stripe, standIn, id, customer, method, open } = await portal();
  await stripe.subscriptions.update(id, { default_payment_method: method });
  const session = await open({ flow_data: { type: "payment_method_update" } });
  const mark = standIn.events.mark();
  expect((await pageForm(session.url, { action: "card", card: "5555555555554444" })).status).toBe(303);
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "setup_intent.created",
    "payment_method.attached",
    "setup_intent.succeeded",
    "customer.updated",
  ]);
  const [card] = (await stripe.customers.listPaymentMethods(customer)).data;
  expect(await stripe.customers.retrieve(customer)).toMatchObject({
    invoice_settings: { default_payment_method: card?.id },
  });
  expect((await stripe.subscriptions.retrieve(id)).default_payment_method).toBe(method);
  expect((await pageForm(session.url, { action: "card", card: "4000000000000002" })).status).toBe(402);
  const asked = await (
    await pageForm(session.url, { action: "card", card: "4000002500003155", subscription: id })
  ).text();
  const intent = /name="setup_intent" value="(seti_\w+)"/.exec(asked)?.[1] ?? "";
  await pageForm(session.url, { action: "prove", setup_intent: intent, proof: "complete", subscription: id });
  const own = (await stripe.subscriptions.retrieve(id, { expand: ["default_payment_method"] }))
    .default_payment_method;
  expect(own).toMatchObject({ card: { last4: "3155" } });
  await pageForm(session.url, { action: "detach", method });
  expect((await stripe.paymentMethods.retrieve(method)).customer).toBeNull();
  await balances(stripe, standIn);
});

test("a cheaper plan waits for the period's end where the configuration says so", async () => {
  const { stripe, standIn, id, open, plans, until, configuration } = await portal({}, "pro");
  await stripe.billingPortal.configurations.update(configuration.id, {
    features: {
      subscription_update: { schedule_at_period_end: { conditions: [{ type: "decreasing_item_amount" }] } },
    },
  });
  const session = await open();
  standIn.portal.changePlan(session.id, id, plans.basic);
  const before = await stripe.subscriptions.retrieve(id, { expand: ["schedule"] });
  expect(before.items.data[0]?.price.id).toBe(plans.pro);
  expect(before.schedule).toMatchObject({
    status: "active",
    phases: [{}, { items: [{ price: plans.basic }] }],
  });
  await until(at("2026-05-01") + HOUR);
  expect(await latest(stripe, id)).toMatchObject({ status: "paid", amount_paid: 1_000 });
  expect(day((await stripe.subscriptions.retrieve(id)).items.data[0]?.current_period_end)).toBe("2026-06-01");
  await balances(stripe, standIn);
});

test("canceled at once where the configuration says so, with credit", async () => {
  const { stripe, standIn, id, open, until } = await portal({
    subscription_cancel: { enabled: true, mode: "immediately", proration_behavior: "always_invoice" },
  });
  await until(at("2026-04-16"));
  standIn.portal.cancel((await open()).id, id);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("canceled");
  expect(await latest(stripe, id)).toMatchObject({ status: "paid", total: -500 });
  await balances(stripe, standIn);
});

test("what is not configured is not offered, and sessions end", async () => {
  const { stripe, standIn, id, customer, open, until, plans, configuration } = await portal({
    subscription_cancel: { enabled: false },
    payment_method_update: { enabled: false },
  });
  expect((await refusal(stripe.billingPortal.sessions.create({ customer }))).message).toContain(
    "No configuration provided",
  );
  standIn.makePortalDefault(configuration.id);
  expect((await stripe.billingPortal.sessions.create({ customer })).configuration).toBe(configuration.id);
  const session = await open();
  expect(await (await fetch(session.url)).text()).not.toContain("Cancel subscription");
  expect((await pageForm(session.url, { action: "cancel", subscription: id })).status).toBe(409);
  expect((await pageForm(session.url, { action: "card", card: "4242424242424242" })).status).toBe(409);
  expect(await refusal(open({ flow_data: { type: "payment_method_update" } }))).toMatchObject({
    param: "flow_data[type]",
  });
  expect(await refusal(open({ customer: "cus_no" }))).toMatchObject({ code: "resource_missing" });
  expect(
    await refusal(
      stripe.billingPortal.configurations.create({ features: { subscription_update: { enabled: true } } }),
    ),
  ).toMatchObject({ code: "parameter_missing" });
  expect(
    await refusal(
      stripe.billingPortal.configurations.create({
        features: {
          subscription_update: {
            enabled: true,
            default_allowed_updates: ["price"],
            products: [{ product: plans.product, prices: [plans.pro] }],
          },
        },
      }),
    ),
  ).toMatchObject({ param: "features[subscription_update][products][0][prices][0]" });
  await until(at("2026-04-01") + DAY);
  expect((await fetch(session.url)).status).toBe(410);
  await balances(stripe, standIn);
});
