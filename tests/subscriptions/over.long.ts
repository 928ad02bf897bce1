/** A subscription that is over: nobody pays for it any more, and who did is found. */
import { expect, test, vi } from "vitest";
import { MINUTE_MS } from "../../lib/clock.ts";
import { useTold } from "../functions/stripe-webhook/told.ts";
import { plantSession } from "../authorisation/people.ts";
import { call } from "../support/call.ts";
import { useLog } from "../support/log.ts";
import { giveTier, useSubscribers, type Subscriber } from "../support/subscribing.ts";
import { booksBalance, newCustomer, useWorld } from "../support/world.ts";

const world = useWorld();
useLog();
const subscribers = useSubscribers(world, "2026-03-10T09:00:00Z");
const { sdk, subscriber, subscribe, act, news, bring, keep, passTo, standing, granted } = subscribers;
const { latestInvoice, chargesOf, alertsOf } = useTold(world, subscribers);

const declining = "4000000000000341";
const fire = () => call("keep-subscriptions", { json: { next_run: new Date().toISOString() } });

async function failing() {
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder");
  await bring();
  world.stripe.turnCard(marco.card, declining);
  return { marco, id };
}

async function shown({ id }: Subscriber) {
  const { token } = await plantSession(world, id);
  return (await call("subscription", { token })).body;
}

test("ended by Stripe after its retries: the open invoice is void, and is shown to nobody", async () => {
  const { marco, id } = await failing();
  await passTo("2026-05-02T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
  const { id: invoice, status } = await latestInvoice(id);
  expect(status).toBe("void");
  expect(() => world.stripe.payInvoice(invoice)).toThrow("cannot be paid");
  expect((await shown(marco)).subscription.openInvoice).toBeNull();
});

test("while Stripe was away after the end: shown to nobody, and void by the hourly work", async () => {
  const { marco, id } = await failing();
  await passTo("2026-04-12T12:00:00Z");
  await sdk().subscriptions.cancel(id);
  world.stripe.faults.plan({ method: "POST", path: "/void", kind: "drop_before", times: 50 });
  await bring();
  world.stripe.faults.clear();
  expect((await latestInvoice(id)).status).toBe("open");
  expect((await shown(marco)).subscription.openInvoice).toBeNull();
  const answers = await Promise.all([fire(), fire(), fire()]);
  expect(answers.map(({ body }) => body.stopped as unknown)).toEqual([null, null, null]);
  expect((await latestInvoice(id)).status).toBe("void");
});

test("a try with a new card that its end came before is made by nobody", async () => {
  const { marco, id } = await failing();
  await passTo("2026-04-12T12:00:00Z");
  world.stripe.faults.plan({ method: "POST", path: "/v1/invoices/", kind: "drop_before", times: 50 });
  await sdk().paymentMethods.attach("pm_card_visa", { customer: marco.stripeCustomer });
  await bring();
  await sdk().subscriptions.cancel(id);
  await bring();
  world.stripe.faults.clear();
  const before = chargesOf(marco, "succeeded");
  vi.setSystemTime(Date.now() + 2 * MINUTE_MS);
  expect((await fire()).body).toMatchObject({ retries: 0, stopped: null });
  expect(chargesOf(marco, "succeeded")).toBe(before);
  const [retry] = await world.database.rows<{ state: string }>(
    `select r.state from invoice_retries r join subscription_invoices i on i.id = r.invoice_id where i.subscription_id = $1`,
    [id],
  );
  expect(retry?.state).toBe("refused");
});

test("paid on its page after the end: the operator is told, until it is refunded", async () => {
  const { marco, id } = await failing();
  await passTo("2026-04-12T12:00:00Z");
  const { id: invoice } = await latestInvoice(id);
  await sdk().subscriptions.cancel(id);
  vi.setSystemTime(Date.now() + MINUTE_MS);
  world.stripe.payInvoice(invoice);
  await bring();
  const mine = async () => (await alertsOf("paid_after_end")).filter(({ subject }) => subject === invoice);
  const [alert] = await mine();
  expect(alert).toMatchObject({ open: true });
  expect(alert?.message).toContain("$99.00");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
  const { payment } = await latestInvoice(id);
  world.stripe.refund(payment);
  await bring();
  expect((await mine()).map(({ open }) => open)).toEqual([false]);
  news();
  await booksBalance(world);
});

test("one that Stripe doesn't have any more is over a week after its period: the account begins anew", async () => {
  const marco = await newCustomer();
  await giveTier(world.database, marco.id, "builder");
  const endsAt = async (time: string) => {
    await world.database.rows(
      "update subscriptions set period_end = $2, read_at = '2026-03-01' where account_id = $1",
      [marco.id, time],
    );
    await fire();
  };
  await endsAt("2026-03-03T10:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  await endsAt("2026-03-03T08:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
  expect((await act(marco, { action: "start", tier: "builder", period: "month" })).status).toBe(201);
});

test("the second of two counts when the first is over, and its alert closes", async () => {
  const marco = await subscriber();
  const first = await subscribe(marco, "builder");
  await bring();
  const second = await subscribe(marco, "architect");
  await bring();
  const mine = async () =>
    (await alertsOf("second_subscription")).filter(({ subject }) => subject === second.id);
  expect((await mine()).map(({ open }) => open)).toEqual([true]);
  await sdk().subscriptions.cancel(first.id);
  await bring();
  await keep();
  expect(await standing(marco)).toEqual({ tier: "architect", state: "active" });
  expect(await granted(marco)).toHaveLength(2);
  expect((await mine()).map(({ open }) => open)).toEqual([false]);
});

test("lapsed, and Stripe leaves it past due: a cancellation ends it at once, nothing is owed, and another can begin", async () => {
  world.stripe.setBilling({ afterRetries: "past_due" });
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder", "year");
  await bring();
  world.stripe.turnCard(marco.card, declining);
  await passTo("2027-04-10T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "lapsed" });
  const cancelled = await act(marco, { action: "cancel" });
  expect(cancelled.body).toMatchObject({ state: "ended", subscription: { openInvoice: null } });
  await bring();
  expect((await latestInvoice(id)).status).toBe("void");
  expect((await act(marco, { action: "start", tier: "builder", period: "month" })).status).toBe(201);
  world.stripe.setBilling({ afterRetries: "cancel" });
});
