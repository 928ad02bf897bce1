/** Stripe's SDK takes any JSON without an `error` key for a success: what is no session opens nothing. */
import { Hono } from "hono";
import { afterAll, expect, test } from "vitest";
import { serve } from "../../../dev/wire/serve.ts";
import { checkout, newCustomer, statusOf, useWorld } from "../../support/world.ts";

const answers: { status: 200 | 404; body: object }[] = [];
const stranger = new Hono();
stranger.all("*", (context) => {
  const { status, body } = answers[0] ?? { status: 404, body: {} };
  return context.json(body, status);
});
const served = await serve(stranger);
afterAll(() => served.close());

const world = useWorld({ STRIPE_API_BASE: served.url });

test.each([
  ["a proxy's 404", 404, { message: "Not Found" }],
  ["another object", 200, { object: "payment_intent", id: "pi_1", url: "http://127.0.0.1/pay" }],
  ["a session without an id", 200, { object: "checkout.session", url: "http://127.0.0.1/pay" }],
  ["an empty object", 200, {}],
] as const)("%s is 503, stored nowhere and shown to nobody", async (_, status, body) => {
  answers[0] = { status, body };
  const customer = await newCustomer();
  const refused = await checkout(customer, { pack: "starter", deliverTo: "wallet" });
  expect([refused.status, refused.body.code]).toEqual([503, "payments_unavailable"]);
  expect(refused.text).not.toContain("127.0.0.1");
  const stored = await world.database.rows(
    "select p.status, a.session_id from purchases p join purchase_attempts a on a.purchase_id = p.id where p.account_id = $1",
    [customer.id],
  );
  expect(stored).toEqual([{ status: "draft", session_id: null }]);
  expect((await statusOf(customer)).purchases).toEqual([]);
});
