/** The scheduled function itself: fired as the platform fires it, any number of times at once. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import {
  booksBalance,
  newCustomer,
  openPurchase,
  paidPurchase,
  statusOf,
  useWorld,
} from "../../support/world.ts";

const world = useWorld();
const log = useLog();

const fire = () => call("reconcile-stripe", { json: { next_run: new Date().toISOString() } });

test("with nothing ever sold it asks Stripe for nothing", async () => {
  world.stripe.faults.forget();
  const answer = await fire();
  expect([answer.status, answer.body.stopped]).toEqual([200, null]);
  expect(world.stripe.faults.seen).toEqual([]);
});

test("a purchase whose webhook was lost is credited once, fired five times at once", async () => {
  const customer = await newCustomer();
  world.stripe.clock.advance(-5 * 60_000);
  const { purchaseId } = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  await openPurchase(customer, { pack: "starter", deliverTo: "wallet" });
  world.stripe.clock.resume();
  const answers = await Promise.all(Array.from({ length: 5 }, fire));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(log.last()).toMatchObject({ function: "reconcile-stripe" });
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  const credits = await world.database.rows("select 1 from transactions where business_key = $1", [
    `purchase:${purchaseId}`,
  ]);
  expect(credits).toHaveLength(1);
  const fees = await world.database.rows("select 1 from transactions where kind = 'balance'");
  expect(fees).toHaveLength(1);
  await booksBalance(world);
});

test("Stripe away: 200, nothing done, and the reason", async () => {
  world.stripe.faults.plan({ kind: "status", status: 500, path: "/v1/", times: 20 });
  const answer = await fire();
  expect([answer.status, answer.body.events]).toEqual([200, 0]);
  expect(answer.body.stopped).toMatch(/stripe/);
});

test("the database away: 200, nothing done, and the reason", async () => {
  world.gateway.faults.plan({ kind: "drop_before", path: "/sql", times: 20 });
  const answer = await fire();
  expect(answer.status).toBe(200);
  expect(answer.body.stopped).toMatch(/./);
});
