/** Payments of subscriptions that fail at the stand-in: retries, 3-D Secure, what follows, and what money comes back. */
import { expect, test } from "vitest";
import { idOf } from "../../dev/stripe/reference.ts";
import { pageForm, refusal } from "./stripe-shop.ts";
import { at, balances, DAY, day, HOUR, latest, subscriber } from "./stripe-subscriber.ts";

const DECLINING = "4000000000000341";
const GOOD = "4242424242424242";

/** A subscriber whose card fails before the first renewal, on 2026-05-01. */
async function failing(card = DECLINING, billing = {}) {
  const made = await subscriber("2026-04-01", { options: { billing } });
  const { id } = await made.subscribe(made.plans.basic);
  made.standIn.turnCard(made.method, card);
  return { ...made, id };
}

test("a declined renewal is tried after 3, 5 and 7 days, and then the subscription is canceled", async () => {
  const { stripe, standIn, id, until, types } = await failing();
  await until(at("2026-05-01"));
  const mark = standIn.events.mark();
  await until(at("2026-05-01") + HOUR);
  expect(types(mark).filter((type) => !type.startsWith("test_helpers"))).toEqual([
    "invoice.finalized",
    "payment_intent.created",
    "charge.failed",
    "payment_intent.payment_failed",
    "invoice.updated",
    "invoice.payment_failed",
    "customer.updated",
    "customer.subscription.updated",
  ]);
  const first = at("2026-05-01") + HOUR;
  expect(await latest(stripe, id)).toMatchObject({
    status: "open",
    attempted: true,
    attempt_count: 1,
    next_payment_attempt: first + 3 * DAY,
  });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("past_due");
  await until(first + 3 * DAY);
  expect(await latest(stripe, id)).toMatchObject({ attempt_count: 2, next_payment_attempt: first + 8 * DAY });
  await until(first + 8 * DAY);
  expect(await latest(stripe, id)).toMatchObject({
    attempt_count: 3,
    next_payment_attempt: first + 15 * DAY,
  });
  const last = standIn.events.mark();
  await until(first + 15 * DAY);
  expect(await latest(stripe, id)).toMatchObject({
    status: "open",
    attempt_count: 4,
    next_payment_attempt: null,
    auto_advance: false,
  });
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
    status: "canceled",
    cancellation_details: { reason: "payment_failed" },
  });
  expect(types(last)).toContain("customer.subscription.deleted");
  expect(standIn.world.charges.oldestFirst().filter(({ status }) => status === "failed")).toHaveLength(4);
  await balances(stripe, standIn);
});

test("a retry that succeeds makes it active again, by whatever card is the default then", async () => {
  const { stripe, standIn, id, customer, until } = await failing();
  await until(at("2026-05-01") + HOUR);
  const mark = standIn.events.mark();
  const card = await stripe.paymentMethods.attach("pm_card_visa", { customer });
  await stripe.customers.update(customer, { invoice_settings: { default_payment_method: card.id } });
  expect(await stripe.customers.retrieve(customer)).toMatchObject({ delinquent: true });
  // A new default alone pays nothing: Stripe waits for the next attempt.
  expect((await latest(stripe, id)).status).toBe("open");
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "payment_method.attached",
    "customer.updated",
  ]);
  await until(at("2026-05-04") + HOUR);
  expect(await latest(stripe, id)).toMatchObject({ status: "paid", attempt_count: 2 });
  const updated = standIn.events.since(mark).filter(({ type }) => type === "customer.subscription.updated");
  expect(updated.map(({ data }) => data.previous_attributes)).toEqual([{ status: "past_due" }]);
  expect(await stripe.customers.retrieve(customer)).toMatchObject({ delinquent: false });
  await balances(stripe, standIn);
});

test("an attempt by hand: refused with the bank's words, not counted, and paid with another card", async () => {
  const { stripe, standIn, id, customer, until } = await failing();
  await until(at("2026-05-01") + HOUR);
  const invoice = await latest(stripe, id);
  expect(await refusal(stripe.invoices.pay(invoice.id))).toMatchObject({
    type: "StripeCardError",
    statusCode: 402,
    code: "card_declined",
    decline_code: "generic_decline",
  });
  expect(await latest(stripe, id)).toMatchObject({
    attempt_count: 1,
    next_payment_attempt: invoice.next_payment_attempt,
  });
  expect(await refusal(stripe.invoices.pay(invoice.id, { payment_method: "pm_no" }))).toMatchObject({
    code: "resource_missing",
  });
  const card = await stripe.paymentMethods.attach("pm_card_mastercard", { customer });
  const paid = await stripe.invoices.pay(invoice.id, { payment_method: card.id });
  expect(paid).toMatchObject({ status: "paid", amount_remaining: 0 });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("active");
  expect(await refusal(stripe.invoices.pay(invoice.id))).toMatchObject({
    message: "Invoice is already paid",
  });
  await balances(stripe, standIn);
});

test("3-D Secure at a renewal is told apart from a decline, and is completed on the invoice's page", async () => {
  const { stripe, standIn, id, until, types } = await failing("4000002760003184");
  await until(at("2026-05-01"));
  const mark = standIn.events.mark();
  await until(at("2026-05-01") + HOUR);
  expect(types(mark).filter((type) => !type.startsWith("test_helpers"))).toEqual([
    "invoice.finalized",
    "payment_intent.created",
    "payment_intent.requires_action",
    "invoice.updated",
    "invoice.payment_failed",
    "customer.updated",
    "customer.subscription.updated",
    "invoice.payment_action_required",
  ]);
  const invoice = await latest(stripe, id);
  const [payment] = (await stripe.invoicePayments.list({ invoice: invoice.id })).data;
  const intent = await stripe.paymentIntents.retrieve(idOf(payment?.payment.payment_intent));
  expect(intent).toMatchObject({ status: "requires_action", latest_charge: null });
  expect(await refusal(stripe.invoices.pay(invoice.id))).toMatchObject({
    statusCode: 402,
    code: "invoice_payment_intent_requires_action",
  });
  const page = `${invoice.hosted_invoice_url ?? ""}/authenticate`;
  expect(await (await fetch(page)).text()).toContain("Is it you who pays $10.00?");
  const failed = await pageForm(page, { action: "fail" });
  expect(failed.status).toBe(402);
  expect((await stripe.invoices.retrieve(invoice.id)).status).toBe("open");
  const asked = await pageForm(invoice.hosted_invoice_url ?? "", { card: "4000002760003184" });
  expect(asked.headers.get("location")).toBe(`/i/${invoice.id}/authenticate`);
  expect((await pageForm(page, { action: "complete" })).status).toBe(303);
  expect((await stripe.invoices.retrieve(invoice.id)).status).toBe("paid");
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("active");
  await balances(stripe, standIn);
});

test("unpaid: later invoices stay drafts; paying the open one makes it active", async () => {
  const { stripe, standIn, id, method, until } = await failing(DECLINING, {
    afterRetries: "unpaid",
    retryDays: [2],
  });
  await until(at("2026-05-03") + HOUR);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("unpaid");
  const open = await latest(stripe, id);
  await until(at("2026-06-03"));
  expect(await latest(stripe, id)).toMatchObject({ status: "draft", auto_advance: false });
  standIn.turnCard(method, GOOD);
  await stripe.invoices.pay(open.id);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("active");
  const draft = await latest(stripe, id);
  await stripe.invoices.finalizeInvoice(draft.id);
  expect(await stripe.invoices.pay(draft.id)).toMatchObject({ status: "paid" });
  await balances(stripe, standIn);
});

test("past due for good: it goes on, and the newest invoice decides", async () => {
  const { stripe, standIn, id, method, until } = await failing(DECLINING, {
    afterRetries: "past_due",
    retryDays: [1],
  });
  await until(at("2026-06-01") + HOUR);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("past_due");
  const [newest, older] = (await stripe.invoices.list({ subscription: id })).data;
  expect([newest?.status, older?.status]).toEqual(["open", "open"]);
  standIn.turnCard(method, GOOD);
  await stripe.invoices.pay(older?.id ?? "");
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("past_due");
  await stripe.invoices.pay(newest?.id ?? "");
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("active");
  await balances(stripe, standIn);
});

test("a customer's page pays the invoice; the PDF is one", async () => {
  const { stripe, standIn, id, until } = await failing();
  await until(at("2026-05-01") + HOUR);
  const { hosted_invoice_url: url, invoice_pdf: pdf } = await latest(stripe, id);
  expect(await (await fetch(url ?? "")).text()).toContain("Pay $10.00");
  expect((await pageForm(url ?? "", { card: "4000000000000002" })).status).toBe(402);
  expect((await pageForm(url ?? "", { card: GOOD })).status).toBe(303);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("active");
  expect(await (await fetch(url ?? "")).text()).toContain("There is nothing to pay.");
  const file = Buffer.from(await (await fetch(pdf ?? "")).arrayBuffer()).toString("latin1");
  expect(file.startsWith("%PDF-1.4\n")).toBe(true);
  const start = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(file)?.[1]);
  expect(file.slice(start, start + 4)).toBe("xref");
  for (const [place, offset] of [...file.slice(start).matchAll(/^(\d{10}) 00000 n $/gm)].entries()) {
    expect(file.slice(Number(offset[1])).startsWith(`${place + 1} 0 obj`)).toBe(true);
  }
  await balances(stripe, standIn);
});

test("void and uncollectible, and what they refuse", async () => {
  const { stripe, standIn, id, customer, until } = await failing();
  await stripe.customers.update(customer, { balance: -200 });
  await until(at("2026-05-01"));
  const draft = await latest(stripe, id);
  expect(await refusal(stripe.invoices.voidInvoice(draft.id))).toMatchObject({
    code: "status_transition_invalid",
  });
  expect(await refusal(stripe.invoices.del(draft.id))).toMatchObject({
    message: "You can't delete invoices created by subscriptions.",
  });
  const mark = standIn.events.mark();
  await stripe.invoices.update(draft.id, { description: "May", metadata: { a: "1" } });
  await until(at("2026-05-01") + HOUR);
  expect(await refusal(stripe.invoices.finalizeInvoice(draft.id))).toMatchObject({
    code: "invoice_not_editable",
  });
  expect(await refusal(stripe.invoices.update(draft.id, { description: "June" }))).toMatchObject({
    code: "invoice_not_editable",
  });
  expect(await stripe.invoices.markUncollectible(draft.id)).toMatchObject({ status: "uncollectible" });
  expect(await stripe.invoices.voidInvoice(draft.id)).toMatchObject({ status: "void", amount_due: 800 });
  expect(standIn.world.customers.get(customer)?.balance).toBe(-200);
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual(
    expect.arrayContaining(["invoice.marked_uncollectible", "invoice.voided", "payment_intent.canceled"]),
  );
  expect(await refusal(stripe.invoices.pay(draft.id))).toMatchObject({ code: "status_transition_invalid" });
  await until(at("2026-05-20"));
  expect(standIn.world.charges.oldestFirst().filter(({ status }) => status === "failed")).toHaveLength(1);
  await balances(stripe, standIn);
});

test("paid outside Stripe: no charge, and active again", async () => {
  const { stripe, standIn, id, until } = await failing();
  await until(at("2026-05-01") + HOUR);
  const invoice = await latest(stripe, id);
  expect(await stripe.invoices.pay(invoice.id, { paid_out_of_band: true })).toMatchObject({ status: "paid" });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("active");
  expect((await stripe.invoicePayments.list({ invoice: invoice.id })).data[0]?.status).toBe("canceled");
  await balances(stripe, standIn);
});

test("an invoice's payment is refunded, warned of and disputed like any other", async () => {
  const { stripe, standIn, plans, subscribe, types } = await subscriber("2026-04-01");
  const { id } = await subscribe(plans.basic);
  const invoice = await latest(stripe, id);
  const mark = standIn.events.mark();
  standIn.refund(invoice.id, { amount: 400 });
  const warning = standIn.warnOfFraud(invoice.id);
  expect(await stripe.radar.earlyFraudWarnings.retrieve(warning.id)).toMatchObject({
    actionable: true,
    charge: warning.charge,
  });
  const dispute = standIn.openDispute(invoice.id);
  expect(dispute.amount).toBe(600);
  expect(types(mark)).toEqual([
    "refund.created",
    "charge.refunded",
    "radar.early_fraud_warning.created",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
  ]);
  expect((await stripe.radar.earlyFraudWarnings.list({ charge: idOf(warning.charge) })).data).toHaveLength(1);
  expect((await stripe.invoices.retrieve(invoice.id)).status).toBe("paid");
  await balances(stripe, standIn);
});

test("a deleted customer's subscriptions end, and nothing more is collected", async () => {
  const { stripe, standIn, id, customer, clock, types, until } = await failing();
  await until(at("2026-05-01") + HOUR);
  const mark = standIn.events.mark();
  await stripe.customers.del(customer);
  expect(types(mark)).toEqual(["invoice.updated", "customer.subscription.deleted", "customer.deleted"]);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("canceled");
  const after = standIn.events.mark();
  standIn.advanceClock(clock, at("2026-09-01"));
  expect(types(after)).toEqual(["test_helpers.test_clock.advancing", "test_helpers.test_clock.ready"]);
  expect(day(standIn.world.billing.clocks.get(clock)?.frozen_time)).toBe("2026-09-01");
});
