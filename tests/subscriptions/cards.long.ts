/** Which card a tier is charged to: one for a customer, and a new one replaces it for every month to come. */
import { expect, test } from "vitest";
import { plantSession } from "../authorisation/people.ts";
import { call } from "../support/call.ts";
import { useLog } from "../support/log.ts";
import { useSubscribers, type Subscriber } from "../support/subscribing.ts";
import { useWorld } from "../support/world.ts";

const world = useWorld();
useLog();
const { sdk, subscriber, news, bring, passTo, standing, granted, startByPage } = useSubscribers(
  world,
  "2026-03-10T09:00:00Z",
);

const declining = "4000000000000341";

async function defaultsOf({ stripeCustomer }: Subscriber, subscription: string) {
  const customer = await sdk().customers.retrieve(stripeCustomer);
  const own = (await sdk().subscriptions.retrieve(subscription)).default_payment_method;
  const card = customer.deleted === true ? null : customer.invoice_settings.default_payment_method;
  return { own, customer: typeof card === "string" ? card : "none" };
}

test("the payment page's card becomes the customer's, and the subscription has none of its own", async () => {
  const marco = await subscriber();
  const id = await startByPage(marco, "builder", "month");
  const { own, customer } = await defaultsOf(marco, id);
  expect(own).toBeNull();
  expect(customer).not.toBe(marco.card);
});

test("the hourly work does so, too, when Stripe was away after the event", async () => {
  const marco = await subscriber();
  world.stripe.faults.plan({ method: "POST", path: "/v1/customers/", kind: "drop_before", times: 50 });
  const id = await startByPage(marco, "builder", "month");
  expect((await defaultsOf(marco, id)).own).not.toBeNull();
  world.stripe.faults.clear();
  const fired = await call("keep-subscriptions", { json: { next_run: new Date().toISOString() } });
  expect(fired.body).toMatchObject({ followUps: 1, stopped: null });
  expect((await defaultsOf(marco, id)).own).toBeNull();
});

test("a card that is put in through the portal pays what is open, and the months after it", async () => {
  const marco = await subscriber();
  const id = await startByPage(marco, "builder", "month");
  world.stripe.turnCard((await defaultsOf(marco, id)).customer, declining);
  await passTo("2026-04-11T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
  const { token } = await plantSession(world, marco.id);
  await call("billing-portal", { json: {}, token });
  const portal = world.stripe.world.billing.portalSessions.oldestFirst().at(-1);
  world.stripe.portal.storeCard(portal?.id ?? "", { card: "4242424242424242" });
  await bring();
  await bring();
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  await passTo("2026-06-11T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  expect(await granted(marco)).toHaveLength(4);
});

test("a good card made the default pays what is open at once, though Stripe tells of no change", async () => {
  const marco = await subscriber();
  const id = await startByPage(marco, "builder", "month");
  const { customer: card } = await defaultsOf(marco, id);
  world.stripe.turnCard(card, declining);
  const other = world.stripe.storeCard(marco.stripeCustomer, {
    card: "4242424242424242",
    makeDefault: false,
  });
  news();
  await passTo("2026-04-11T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
  const { token } = await plantSession(world, marco.id);
  const made = await call("payment-methods", { json: { action: "default", id: other.id }, token });
  expect(made.status).toBe(200);
  await made.afterwards;
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  await passTo("2026-05-11T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
});
