/** What a customer is shown of his tier: by one question to the database and one to Stripe, without which the rest is shown. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld } from "../../support/world.ts";
import { builder, useSubscribers } from "./subscriber.ts";

const world = useWorld();
const { act, show, subscribed, turnCard, pass } = useSubscribers(world);
const log = useLog();

test("without a tier: the database alone is asked", async () => {
  const customer = await newCustomer();
  expect(await show(customer)).toEqual({
    tier: "explorer",
    state: "none",
    until: null,
    month: { start: expect.any(String) as string, end: expect.any(String) as string },
    requestsPerMinute: 60,
    apiKeys: 2,
    millisPerUnit: 10,
    grantMillisPerMonth: 0,
    trialDays: 0,
    subscription: null,
    nextInvoice: null,
  });
  expect(log.last().trips).toEqual({ postgres: 1 });
});

test("with one, and with an invoice that is open: each service is asked once", async () => {
  const customer = await subscribed();
  expect(await show(customer)).toMatchObject({ nextInvoice: { dueCents: 9_900 } });
  expect(log.last().trips).toEqual({ redis: 1, postgres: 1, stripe: 1 });
  await turnCard(customer, "4000000000000341");
  const later = await pass(customer, 32);
  await act(later, { action: "keep" });
  expect(await show(later)).toMatchObject({ state: "grace" });
  expect(log.last().trips).toEqual({ redis: 1, postgres: 1, stripe: 1 });
});

test("Stripe away: all but the next invoice, after one try", async () => {
  const customer = await subscribed(builder);
  world.stripe.faults.plan({ kind: "status", times: 5 });
  expect(await show(customer)).toMatchObject({ tier: "builder", state: "active", nextInvoice: null });
  expect(log.last().trips).toEqual({ redis: 1, postgres: 1, stripe: 1 });
  world.stripe.faults.clear();
});

test("the database away: 503, and Stripe isn't asked", async () => {
  const customer = await subscribed();
  world.gateway.faults.plan({ kind: "status" });
  expect(await show(customer)).toMatchObject({ code: "database_unavailable" });
  expect(log.last().trips["stripe"]).toBeUndefined();
});

test("every act is in the account's log, asked for twice once", async () => {
  const customer = await subscribed();
  for (const key of ["first", "first", "second"]) await act(customer, { action: "cancel" }, key);
  const rows = await world.database.rows<{ act: string; actor: string }>(
    "select act, actor, detail from audit_log where account_id = $1 and act like 'subscription.%' order by id",
    [customer.id],
  );
  expect(rows).toEqual(
    [1, 2].map(() => ({
      act: "subscription.cancel",
      actor: customer.id,
      detail: { subscription: customer.subscription },
    })),
  );
});

test("asked more often than Stripe can be for one account: the rest is shown without it", async () => {
  const customer = await subscribed();
  await world.upstash.clear();
  const first = await show(customer);
  expect(first.nextInvoice).not.toBeNull();
  for (let count = 0; count < 60; count += 1) await show(customer);
  world.stripe.faults.forget();
  const often = await call("subscription", { token: customer.token });
  expect([often.status, often.body.nextInvoice, often.body.tier]).toEqual([200, null, "builder"]);
  expect(world.stripe.faults.seen).toEqual([]);
});
