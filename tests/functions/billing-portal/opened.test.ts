/** Stripe's page for cards and invoices: of a customer who has bought something, back to the account page. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { newCustomer, useWorld } from "../../support/world.ts";
import { useSubscribers } from "../subscription/subscriber.ts";

const world = useWorld();
const { subscribed } = useSubscribers(world);

test("201 with its address; a form is sent there; nothing but cards and invoices is changed there", async () => {
  const { token, stripeCustomer } = await subscribed();
  const opened = await call("billing-portal", { json: {}, token });
  expect(opened.status).toBe(201);
  const sent = await call("billing-portal", { form: { any: "" }, token });
  expect([sent.status, sent.headers.get("location")]).toEqual([303, expect.stringContaining("/p/session/")]);
  const { portalSessions, portalConfigurations } = world.stripe.world.billing;
  expect(portalSessions.oldestFirst().map(({ url }) => url)).toContain(opened.body.url);
  for (const session of portalSessions.oldestFirst())
    expect(session).toMatchObject({ customer: stripeCustomer, return_url: "http://cascade.test/account/" });
  expect(portalConfigurations.oldestFirst()).toHaveLength(1);
  expect(portalConfigurations.oldestFirst()[0]?.features).toMatchObject({
    payment_method_update: { enabled: true },
    invoice_history: { enabled: true },
    subscription_update: { enabled: false },
    subscription_cancel: { enabled: false },
  });
});

test("409 no_customer: nothing was ever bought", async () => {
  const { token } = await newCustomer();
  const refused = await call("billing-portal", { json: {}, token });
  expect([refused.status, refused.body.code]).toEqual([409, "no_customer"]);
});

test("503: Stripe away; and the limiter away", async () => {
  const { token } = await subscribed();
  world.stripe.faults.plan({ kind: "status", times: 10 });
  expect((await call("billing-portal", { json: {}, token })).body.code).toBe("payments_unavailable");
  world.stripe.faults.clear();
  world.upstash.faults.plan({ kind: "status", times: 10 });
  expect((await call("billing-portal", { json: {}, token })).body.code).toBe("limiter_unavailable");
});

test("429: sixty a minute", async () => {
  const { token } = await newCustomer();
  const answers = [];
  for (let count = 0; count < 61; count += 1) answers.push(await call("billing-portal", { json: {}, token }));
  expect(answers.at(-2)?.status).toBe(409);
  expect(answers.at(-1)?.status).toBe(429);
});
