/** The way to a tier: one page, one customer, one subscription, whatever is clicked twice or dies on the way. */
import { expect, test } from "vitest";
import { Unavailable } from "../../../lib/errors.ts";
import { startSubscription } from "../../../lib/subscription/start.ts";
import { call } from "../../support/call.ts";
import { stepped } from "../../support/steps.ts";
import { appAt, deliver, newCustomer, paidPurchase, useWorld, type Customer } from "../../support/world.ts";
import { plantSession } from "../../authorisation/people.ts";
import { architect, builder, useSubscribers, type Plan } from "./subscriber.ts";

const world = useWorld();
const {
  start,
  tell,
  show,
  openPages,
  subscriptionsOf,
  sessionIn,
  subscribed,
  act,
  sdk,
  customersOf,
  tellEnds,
} = useSubscribers(world);

/** Pays whatever can be paid, as somebody with all tabs open might. */
async function payAll(customer: Customer): Promise<void> {
  for (const { id } of openPages(customer)) {
    world.stripe.pay(id);
    await tell(id);
  }
}

test("a page of the tier's price, and the tier from the moment it is paid", async () => {
  const customer = await newCustomer();
  expect(await show(customer)).toMatchObject({ tier: "explorer", state: "none", subscription: null });
  const started = await start(customer, builder);
  expect([started.status, started.body.trialDays]).toEqual([201, 0]);
  const [page] = openPages(customer);
  expect(page).toMatchObject({
    id: sessionIn(started.body.url),
    mode: "subscription",
    amount_total: 9_900,
    payment_method_collection: "always",
    success_url: expect.stringMatching(/^http:\/\/cascade\.test\/account\//) as string,
    metadata: { start: page?.client_reference_id },
  });
  await payAll(customer);
  expect(await show(customer)).toMatchObject({
    tier: "builder",
    state: "active",
    requestsPerMinute: 600,
    grantMillisPerMonth: 250_000,
    subscription: { status: "active", tier: "builder", period: "month", next: null, openInvoice: null },
    nextInvoice: { dueCents: 9_900 },
  });
  expect((await start(customer, architect)).body.code).toBe("already_subscribed");
  const [made] = subscriptionsOf(customer);
  expect(made?.metadata).toEqual({ start: page?.client_reference_id });
});

test("a year costs ten months; a form is sent on to the page", async () => {
  const customer = await newCustomer();
  const form = { action: "start", tier: "architect", period: "year" };
  const sent = await call("subscription", { form, token: customer.token });
  const [page] = openPages(customer);
  expect([sent.status, sent.headers.get("location")]).toEqual([303, page?.url]);
  expect(page?.amount_total).toBe(499_000);
});

test.each([
  [{ action: "start", tier: "explorer", period: "month" }],
  [{ action: "start", tier: "builder", period: "week" }],
  [{ action: "start", tier: "builder" }],
  [{ action: "begin", tier: "builder", period: "month" }],
  [{ action: "start", tier: "builder", period: "month", customer: "cus_1" }],
])("%j: 422, and no page", async (json) => {
  const customer = await newCustomer();
  expect((await act(customer, json)).status).toBe(422);
  expect(openPages(customer)).toEqual([]);
});

test("the same tier again: the same page; another one: the old page is over first", async () => {
  const customer = await newCustomer();
  const first = await start(customer, builder);
  expect((await start(customer, builder)).body).toEqual(first.body);
  const second = await start(customer, architect);
  expect(openPages(customer).map(({ url }) => url)).toEqual([second.body.url]);
  // The news of the first page's end comes late, and changes nothing.
  await tell(sessionIn(first.body.url));
  expect((await start(customer, architect)).body).toEqual(second.body);
  await payAll(customer);
  expect(await show(customer)).toMatchObject({ tier: "architect" });
  expect(subscriptionsOf(customer)).toHaveLength(1);
});

test("a page that was paid while nobody heard of it: no second one, and the tier is there", async () => {
  const customer = await newCustomer();
  const first = await start(customer, builder);
  world.stripe.pay(sessionIn(first.body.url));
  const other = await start(customer, architect);
  expect([other.status, other.body.code]).toEqual([409, "subscription_processing"]);
  expect(await show(customer)).toMatchObject({ tier: "builder", state: "active" });
  expect((await start(customer, architect)).body.code).toBe("already_subscribed");
  await tell(sessionIn(first.body.url));
  expect(subscriptionsOf(customer)).toHaveLength(1);
});

test.each([
  ["of the same tier", [builder, builder]],
  ["of two tiers", [builder, architect]],
  ["ten of the same tier", Array.from({ length: 10 }, () => builder)],
  ["ten of two tiers", Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? builder : architect))],
] satisfies [string, Plan[]][])(
  "starts at once, %s: one page at most, one subscription",
  async (_, plans) => {
    const customer = await newCustomer();
    const answers = await Promise.all(plans.map((plan) => start(customer, plan)));
    for (const { status } of answers) expect([201, 409, 503]).toContain(status);
    const open = openPages(customer).map(({ url }) => url);
    expect(open.length).toBeLessThanOrEqual(1);
    if (plans.every((plan) => plan === builder)) {
      expect(open).toHaveLength(1);
      for (const { status, body } of answers) if (status === 201) expect(body.url).toBe(open[0]);
    }
    await start(customer, builder);
    expect(openPages(customer)).toHaveLength(1);
    await payAll(customer);
    expect(subscriptionsOf(customer)).toHaveLength(1);
    expect(customersOf(customer)).toHaveLength(1);
  },
);

test.each(["before it", "after it"])(
  "dying %s, at each call of a port: started again, there is one page",
  async (when) => {
    const other = { ...architect, origin: "http://cascade.test" };
    const wanted = { ...builder, origin: "http://cascade.test" } as const;
    for (const scenario of ["first", "another tier's page is open"]) {
      for (let deadly = 0; ; deadly += 1) {
        const customer = await newCustomer();
        const { id: sessionId } = await plantSession(world, customer.id);
        const app = appAt({ now: new Date() });
        if (scenario !== "first")
          await startSubscription(app, { ...other, tier: "architect", period: "month", sessionId });
        let calls = 0;
        const dying = stepped(app, async ({ call: go }) => {
          if (calls++ !== deadly) return;
          if (when === "after it") await go();
          throw new Unavailable("stripe", { effect: "unknown", message: "dead" });
        });
        const request = { ...wanted, tier: "builder", period: "month", sessionId } as const;
        const first = await startSubscription(dying, request).catch((error: unknown) => error);
        expect(openPages(customer).length).toBeLessThanOrEqual(1);
        const again = await startSubscription(app, request);
        expect(again.kind).toBe("opened");
        expect(openPages(customer).map(({ url }) => url)).toEqual([again.kind === "opened" && again.url]);
        expect(customersOf(customer)).toHaveLength(1);
        if (!(first instanceof Unavailable)) {
          expect(first).toEqual(again);
          expect(deadly).toBeGreaterThanOrEqual(5);
          break;
        }
      }
    }
  },
);

test("a customer whom Stripe has no more: another is made, before the news and after it", async () => {
  const customer = await newCustomer();
  await start(customer, builder);
  const [page] = openPages(customer);
  const [gone = ""] = customersOf(customer);
  await sdk().customers.del(gone);
  world.stripe.world.sessions.remove(page?.id ?? "");
  const early = await start(customer, architect);
  expect(early.status).toBe(201);
  const news = world.stripe.world.events.oldestFirst().find((event) => event.type === "customer.deleted");
  expect((await deliver(news ?? {})).status).toBe(200);
  const late = await start(customer, builder);
  expect(late.status).toBe(201);
  expect(openPages(customer)).toHaveLength(1);
  expect(openPages(customer)[0]?.customer).not.toBe(gone);
  await payAll(customer);
  expect(await show(customer)).toMatchObject({ tier: "builder" });
});

test("a price that changes while a start lies dead: it begins anew, at the new price", async () => {
  const customer = await newCustomer();
  const { id: sessionId } = await plantSession(world, customer.id);
  const dying = stepped(appAt({ now: new Date() }), async ({ next, call: go }) => {
    if (next !== "billing.openStart") return;
    await go();
    throw new Unavailable("stripe", { effect: "unknown", message: "dead" });
  });
  const plan = { tier: "revolutionary", period: "month" } as const;
  await expect(
    startSubscription(dying, { ...plan, sessionId, origin: "http://cascade.test" }),
  ).rejects.toThrow();
  const [before] = (await sdk().prices.list({ lookup_keys: ["cascade_tier_revolutionary_month"] })).data;
  if (typeof before?.product !== "string") throw new Error("no price");
  await sdk().prices.create({
    ...{ currency: "usd", unit_amount: 120_000, recurring: { interval: "month" }, product: before.product },
    ...{ lookup_key: "cascade_tier_revolutionary_month", transfer_lookup_key: true },
  });
  const started = await start(customer, plan);
  expect(started.status).toBe(201);
  const page = openPages(customer).find(({ url }) => url === started.body.url);
  expect(page?.amount_total).toBe(120_000);
});

test("who has bought ducats before is the same customer at Stripe", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer);
  await deliver(completed);
  const [before] = customersOf(customer);
  await start(customer, builder);
  expect(openPages(customer)[0]?.customer).toBe(before);
  expect(customersOf(customer)).toHaveLength(1);
});

test("Stripe away: 503, nothing open; then it goes on", async () => {
  const customer = await newCustomer();
  world.stripe.faults.plan({ kind: "status", times: 10 });
  const away = await start(customer, builder);
  expect([away.status, away.body.code]).toEqual([503, "payments_unavailable"]);
  expect(openPages(customer)).toEqual([]);
  world.stripe.faults.clear();
  expect((await start(customer, builder)).status).toBe(201);
});

test("who has a tier and ends it may start again", async () => {
  const customer = await subscribed();
  await sdk().subscriptions.cancel(customer.subscription);
  await tellEnds();
  expect(await show(customer)).toMatchObject({ tier: "explorer", state: "ended" });
  expect((await start(customer, architect)).status).toBe(201);
});

test("paid, and Stripe's word of it on its way: its page is handed to nobody again, and the tier is there", async () => {
  const customer = await newCustomer();
  const { body } = await start(customer, builder);
  world.stripe.pay(sessionIn(body.url));
  const again = await start(customer, builder);
  expect([again.status, again.body.code]).toEqual([409, "subscription_processing"]);
  expect((await start(customer, builder)).body.code).toBe("already_subscribed");
});

test("a page that was ended at Stripe is replaced by another", async () => {
  const customer = await newCustomer();
  const { body } = await start(customer, builder);
  world.stripe.expire(sessionIn(body.url));
  const again = await start(customer, builder);
  expect(again.status).toBe(201);
  expect(again.body.url).not.toBe(body.url);
});
