/** Another tier or period: as it was previewed to the cent, paid at once or not made; cheaper when what is paid for is over. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { booksBalance, newCustomer, useWorld } from "../../support/world.ts";
import { architect, builder, useSubscribers } from "./subscriber.ts";

const world = useWorld();
const { act, change, latest, pass, preview, sdk, show, subscribed, subscriptionsOf, turnCard } =
  useSubscribers(world);

const yearly = { tier: "builder", period: "year" };
const declines = "4000000000000341";

function invoicesOf(subscription: string) {
  return world.stripe.world.billing.invoices
    .oldestFirst()
    .filter(({ parent }) => parent?.subscription_details?.subscription === subscription);
}

test("dearer: previewed to the cent, paid at once, and shown at once", async () => {
  const customer = await pass(await subscribed(), 10);
  const previewed = await preview(customer, architect);
  expect(previewed.body).toMatchObject({ kind: "now", nextCents: 49_900 });
  const before = invoicesOf(customer.subscription).length;
  const changed = await change(customer, architect);
  expect(changed.status).toBe(200);
  expect(changed.body).toMatchObject({
    tier: "architect",
    state: "active",
    subscription: { tier: "architect", next: null },
    nextInvoice: { dueCents: 49_900 },
  });
  const invoice = await latest(customer.subscription);
  expect(invoice).toMatchObject({ status: "paid", billing_reason: "subscription_update" });
  expect(invoice.amount_paid).toBe(previewed.body.dueNowCents);
  expect(invoice.amount_paid).toBeGreaterThan(0);
  expect(invoicesOf(customer.subscription)).toHaveLength(before + 1);
  expect(await show(customer)).toEqual(changed.body);
  await booksBalance(world);
});

test.each([
  ["a month to a year", builder, yearly],
  ["a month to a year of a dearer tier", builder, { tier: "architect", period: "year" }],
])("%s: at once, what was paid and not used taken off", async (_, from, to) => {
  const customer = await pass(await subscribed(from), 6);
  const { dueNowCents } = (await preview(customer, to)).body;
  const changed = await change(customer, to);
  expect(changed.body).toMatchObject({ tier: to.tier, subscription: { period: "year" } });
  expect((await latest(customer.subscription)).amount_paid).toBe(dueNowCents);
});

test("a card that is declined: 402, nothing changed, and the same key says so again", async () => {
  const customer = await pass(await subscribed(), 10);
  await turnCard(customer, declines);
  const { prorationAt, dueNowCents } = (await preview(customer, architect)).body;
  const before = await show(customer);
  const asked = { action: "change", ...architect, prorationAt, dueNowCents };
  for (let time = 0; time < 2; time += 1) {
    const declined = await act(customer, asked, "declined");
    expect([declined.status, declined.body.code]).toEqual([402, "card_declined"]);
    expect(declined.body.detail).toMatch(/declined.*Nothing was changed/);
    expect(await show(customer)).toEqual(before);
  }
  expect(invoicesOf(customer.subscription)).toHaveLength(1);
  expect((await sdk().subscriptions.retrieve(customer.subscription)).items.data[0]?.price.unit_amount).toBe(
    9_900,
  );
});

test("cheaper: at the period's end; kept; scheduled again, otherwise; and an upgrade drops it", async () => {
  const customer = await pass(await subscribed(architect), 10);
  const previewed = (await preview(customer, builder)).body;
  const { periodEnd } = (await show(customer)).subscription;
  expect(previewed).toMatchObject({ kind: "later", dueNowCents: 0, nextCents: 9_900, at: periodEnd });
  const scheduled = await change(customer, builder);
  expect(scheduled.body).toMatchObject({
    tier: "architect",
    subscription: { next: { tier: "builder", period: "month", at: periodEnd } },
    nextInvoice: { dueCents: 9_900, at: periodEnd },
  });
  expect((await act(customer, { action: "keep" })).body).toMatchObject({
    subscription: { next: null },
    nextInvoice: { dueCents: 49_900 },
  });
  expect((await change(customer, builder)).body.subscription.next).toMatchObject({ tier: "builder" });
  expect((await change(customer, { tier: "builder", period: "year" })).body.subscription.next).toMatchObject({
    tier: "builder",
    period: "year",
  });
  const upgraded = await change(customer, { tier: "revolutionary", period: "month" });
  expect(upgraded.body).toMatchObject({ tier: "revolutionary", subscription: { next: null } });
  expect((await sdk().subscriptions.retrieve(customer.subscription)).schedule).toBeNull();
  const later = await pass(customer, 25);
  await act(later, { action: "keep" });
  expect(await show(later)).toMatchObject({ tier: "revolutionary" });
});

test("what is scheduled happens with the next period, and the card pays that", async () => {
  const customer = await subscribed(architect);
  await change(customer, builder);
  const later = await pass(customer, 32);
  const kept = await act(later, { action: "keep" });
  expect(kept.body).toMatchObject({ tier: "builder", subscription: { tier: "builder", next: null } });
  expect((await latest(customer.subscription)).amount_due).toBe(9_900);
});

test("a declined upgrade leaves what was scheduled", async () => {
  const customer = await pass(await subscribed(architect), 3);
  await change(customer, builder);
  await turnCard(customer, declines);
  const declined = await change(customer, { tier: "revolutionary", period: "month" });
  expect(declined.status).toBe(402);
  expect(await show(customer)).toMatchObject({
    tier: "architect",
    subscription: { next: { tier: "builder" } },
  });
});

test("the same: refused, previewed or not", async () => {
  const customer = await subscribed();
  const previewed = await preview(customer, builder);
  expect([previewed.status, previewed.body.code]).toEqual([409, "same_plan"]);
  const prorationAt = Math.floor(Date.now() / 1_000);
  const asked = { action: "change", ...builder, prorationAt, dueNowCents: 0 };
  expect((await act(customer, asked)).body.code).toBe("same_plan");
});

test.each([builder, architect])("from a year to a month of %j: not before its end", async (to) => {
  const customer = await subscribed(yearly);
  expect((await preview(customer, to)).body).toMatchObject({ kind: "later", dueNowCents: 0 });
  const changed = await change(customer, to);
  expect(changed.body).toMatchObject({ tier: "builder", subscription: { period: "year", next: to } });
});

test("a preview that is over, or of the time to come; another amount than Stripe reckons; no key: refused", async () => {
  const customer = await pass(await subscribed(), 4);
  const previewed = (await preview(customer, architect)).body;
  const [prorationAt, dueNowCents] = [Number(previewed.prorationAt), Number(previewed.dueNowCents)];
  const asked = { action: "change", ...architect, prorationAt, dueNowCents };
  for (const wrong of [prorationAt - 16 * 60, prorationAt + 60])
    expect((await act(customer, { ...asked, prorationAt: wrong })).body.code).toBe("preview_expired");
  for (const wrong of [dueNowCents - 1, dueNowCents + 1, 0]) {
    const refused = await act(customer, { ...asked, dueNowCents: wrong }, `amount-${wrong}`);
    expect([refused.status, refused.body.code]).toEqual([409, "amount_changed"]);
    expect((await act(customer, { ...asked, dueNowCents: wrong }, `amount-${wrong}`)).body.code).toBe(
      "amount_changed",
    );
  }
  const keyless = await call("subscription", { json: asked, token: customer.token });
  expect([keyless.status, keyless.body.code]).toEqual([400, "idempotency_key_required"]);
  expect(await show(customer)).toMatchObject({ tier: "builder" });
  expect(invoicesOf(customer.subscription)).toHaveLength(1);
});

test("without a subscription: 409, for every act", async () => {
  const customer = await newCustomer();
  const acts = [
    { action: "preview", ...architect },
    { action: "cancel" },
    { action: "keep" },
    { action: "pause" },
  ];
  for (const json of acts) expect((await act(customer, json)).body.code).toBe("no_subscription");
});

test("the same key again: the same answer and one charge; for something else: refused", async () => {
  const customer = await pass(await subscribed(), 5);
  const { prorationAt, dueNowCents } = (await preview(customer, architect)).body;
  const asked = { action: "change", ...architect, prorationAt, dueNowCents };
  const answers = [await act(customer, asked, "once"), await act(customer, asked, "once")];
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(answers[1]?.body).toEqual(answers[0]?.body);
  expect(invoicesOf(customer.subscription)).toHaveLength(2);
  expect((await act(customer, { action: "cancel" }, "once")).body.code).toBe("idempotency_key_reused");
});

test("ten at once, with one key and with ten: charged once", async () => {
  for (const key of ["one", undefined]) {
    const customer = await pass(await subscribed(), 5);
    const { prorationAt, dueNowCents } = (await preview(customer, architect)).body;
    const asked = { action: "change", ...architect, prorationAt, dueNowCents };
    const answers = await Promise.all(Array.from({ length: 10 }, () => act(customer, asked, key)));
    const codes = answers.map(({ status, body }) => (status === 200 ? "done" : String(body.code)));
    expect(codes).toContain("done");
    for (const code of codes) expect(["done", "change_under_way", "same_plan"]).toContain(code);
    expect(invoicesOf(customer.subscription)).toHaveLength(2);
  }
});

test("Stripe away in the middle: 503 and unclear; the same key goes on", async () => {
  const customer = await pass(await subscribed(), 5);
  world.stripe.faults.plan({ kind: "status", times: 20 });
  const away = await act(customer, { action: "cancel" }, "cancel");
  expect([away.status, away.body.code]).toEqual([503, "payments_unavailable"]);
  world.stripe.faults.clear();
  const again = await act(customer, { action: "cancel" }, "cancel");
  expect(again.body).toMatchObject({ state: "ending" });
  expect(subscriptionsOf(customer)[0]?.cancel_at_period_end).toBe(true);
});

test("charged, and Stripe's answer lost: 503 says so, and the same key tells that it was done", async () => {
  const customer = await pass(await subscribed(), 5);
  const { prorationAt, dueNowCents } = (await preview(customer, architect)).body;
  const asked = { action: "change", ...architect, prorationAt, dueNowCents };
  world.stripe.faults.plan({ method: "POST", path: "/v1/subscriptions/", kind: "drop_after", times: 5 });
  const lost = await act(customer, asked, "lost");
  expect([lost.status, lost.body.code]).toEqual([503, "change_unclear"]);
  expect(lost.body.detail).toContain("may have been made and charged");
  // Nothing can be read by now: it is no less unclear.
  world.stripe.faults.plan({ kind: "status", status: 500, path: "/v1/", times: 100 });
  expect((await act(customer, asked, "lost")).body.code).toBe("change_unclear");
  world.stripe.faults.clear();
  expect((await act(customer, asked, "lost")).body).toMatchObject({ tier: "architect" });
  expect(invoicesOf(customer.subscription)).toHaveLength(2);
});

test("an upgrade that was charged is done, though Stripe does not let go of what was scheduled; the operator is told", async () => {
  const customer = await pass(await subscribed(architect), 3);
  await change(customer, builder);
  world.stripe.faults.plan({ method: "POST", path: "/release", kind: "status", status: 400, times: 5 });
  const changed = await change(customer, { tier: "revolutionary", period: "month" });
  world.stripe.faults.clear();
  expect(changed.body).toMatchObject({ tier: "revolutionary", subscription: { next: { tier: "builder" } } });
  const alerts = () =>
    world.database.rows<{ open: boolean }>(
      "select closed_at is null as open from alerts where kind = 'schedule_left' and subject = $1",
      [customer.subscription],
    );
  expect(await alerts()).toEqual([{ open: true }]);
  await act(customer, { action: "keep" });
  expect(await show(customer)).toMatchObject({ subscription: { next: null } });
  expect(await alerts()).toEqual([{ open: false }]);
});
