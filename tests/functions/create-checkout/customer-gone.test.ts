/** The buyer's customer was deleted at Stripe, and we have not heard of it: the order goes on without it. */
import StripeSdk from "stripe";
import { expect, test } from "vitest";
import { useReversals } from "../../support/reversing.ts";
import { checkout, deliver, useWorld } from "../../support/world.ts";

const world = useWorld();
const { bought } = useReversals(world);

test("201, at once, and a new customer comes of it", async () => {
  const { customer } = await bought();
  const known = async () => {
    const [row] = await world.database.rows("select stripe_customer from accounts where id = $1", [
      customer.id,
    ]);
    return String(row?.["stripe_customer"]);
  };
  const gone = await known();
  const sdk = new StripeSdk(process.env["STRIPE_SECRET_KEY"] ?? "", world.stripe.sdkConfig);
  await sdk.customers.del(gone);
  const opened = await checkout(customer, { pack: "starter", deliverTo: "wallet" }, "gone");
  expect(opened.status).toBe(201);
  expect(await known()).toBe("null");
  const again = await checkout(customer, { pack: "starter", deliverTo: "wallet" }, "gone");
  expect(again.body.url).toBe(opened.body.url);
  world.stripe.pay(/cs_[A-Za-z0-9_]+/.exec(opened.body.url)?.[0] ?? "");
  for (const event of world.stripe.world.events.newestFirst().slice(0, 4)) await deliver(event);
  expect(await known()).toMatch(/^cus_/);
  expect(await known()).not.toBe(gone);
});
