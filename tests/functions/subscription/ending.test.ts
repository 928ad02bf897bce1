/** Cancelled and kept, paused and gone on with: what is paid for is served, and nothing is served for nothing. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useWorld } from "../../support/world.ts";
import { architect, builder, useSubscribers } from "./subscriber.ts";

const world = useWorld();
const { act, change, latest, pass, preview, sdk, show, subscribed, turnCard } = useSubscribers(world);

test("cancelled: served to its end, no invoice comes; kept: as before", async () => {
  const customer = await subscribed();
  const { until } = await show(customer);
  const cancelled = await act(customer, { action: "cancel" });
  expect(cancelled.body).toMatchObject({
    tier: "builder",
    state: "ending",
    until,
    subscription: { cancelAt: until },
    nextInvoice: null,
  });
  const refused = await preview(customer, architect);
  expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
    409,
    "change_not_possible",
    "It is cancelled: keep it first.",
  ]);
  const kept = await act(customer, { action: "keep" });
  expect(kept.body).toMatchObject({ state: "active", subscription: { cancelAt: null } });
  expect((kept.body.nextInvoice as { dueCents: number }).dueCents).toBe(9_900);
});

test("cancelled while a cheaper tier is scheduled: that is dropped; and the end comes", async () => {
  const customer = await subscribed(architect);
  await change(customer, builder);
  const cancelled = await act(customer, { action: "cancel" });
  expect(cancelled.body).toMatchObject({ state: "ending", subscription: { next: null } });
  const later = await pass(customer, 32);
  expect(await show(later)).toMatchObject({ tier: "explorer", state: "ended" });
  expect((await sdk().subscriptions.retrieve(customer.subscription)).status).toBe("canceled");
});

test("paused within what is paid for, and gone on with: nothing is charged", async () => {
  const customer = await subscribed();
  const paused = await act(customer, { action: "pause" });
  expect(paused.body).toMatchObject({
    tier: "builder",
    state: "active",
    subscription: { paused: true },
    nextInvoice: null,
  });
  const refused = await preview(customer, architect);
  expect(refused.body.detail).toBe("It is paused: unpause it first.");
  const on = await act(customer, { action: "unpause" });
  expect(on.body).toMatchObject({
    state: "active",
    subscription: { paused: false },
    nextInvoice: { dueCents: 9_900 },
  });
  expect((await sdk().invoices.list({ subscription: customer.subscription })).data).toHaveLength(1);
});

test("paused beyond it: Explorer's; gone on with: a month begins then, and is paid then, or it stays paused", async () => {
  const customer = await subscribed();
  await act(customer, { action: "pause" });
  const later = await pass(customer, 40);
  expect(await show(later)).toMatchObject({ tier: "explorer", state: "paused" });
  await turnCard(customer, "4000000000000341");
  const declined = await act(later, { action: "unpause" });
  expect([declined.status, declined.body.code]).toEqual([402, "card_declined"]);
  expect(await show(later)).toMatchObject({
    tier: "explorer",
    state: "paused",
    subscription: { paused: true },
  });
  await turnCard(customer, "4242424242424242");
  const on = await act(later, { action: "unpause" });
  expect(on.body).toMatchObject({ tier: "builder", state: "active", subscription: { paused: false } });
  const invoice = await latest(customer.subscription);
  expect(invoice).toMatchObject({ status: "paid", amount_paid: 9_900 });
  const begins = Date.parse(on.body.subscription.periodStart);
  expect(Math.abs(begins - Date.now())).toBeLessThan(60_000);
  const grants = await world.database.rows("select millis::int from grants where subscription_id = $1", [
    customer.subscription,
  ]);
  expect(grants).toEqual([{ millis: 250_000 }, { millis: 250_000 }]);
});

test("a renewal that is declined: its invoice with its page, and no change before it is paid", async () => {
  const customer = await subscribed();
  await turnCard(customer, "4000000000000341");
  const later = await pass(customer, 32);
  // Any act reads the subscription anew.
  await act(later, { action: "keep" });
  const shown = await show(later);
  expect(shown).toMatchObject({
    tier: "builder",
    state: "grace",
    subscription: { status: "past_due", openInvoice: { dueCents: 9_900, needsAction: false } },
    nextInvoice: null,
  });
  const { openInvoice } = shown.subscription;
  const { hosted_invoice_url: page } = await sdk().invoices.retrieve(openInvoice.id);
  expect(openInvoice.pageUrl).toBe(page);
  const refused = await preview(later, architect);
  expect(refused.body.detail).toBe("An invoice is open: pay it first, or cancel the tier.");
});

test("by plain forms within a minute: cancelled, kept, and cancelled again", async () => {
  const customer = await subscribed();
  const isEnding: unknown[] = [];
  for (const action of ["cancel", "keep", "cancel"]) {
    const acted = await call("subscription", { form: { action }, token: customer.token });
    expect(acted.status).toBe(303);
    isEnding.push((await sdk().subscriptions.retrieve(customer.subscription)).cancel_at_period_end);
  }
  expect(isEnding).toEqual([true, false, true]);
});
