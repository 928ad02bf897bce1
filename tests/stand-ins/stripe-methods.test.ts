/** Other means of payment at the stand-in: bank debit and bank transfer, which settle later, and a stablecoin. */
import type { Stripe } from "stripe";
import { expect, test } from "vitest";
import { control, holds, paid, pageForm, purchase, refusal, start } from "./stripe-shop.ts";

async function withCustomer() {
  const started = await start();
  const customer = await started.stripe.customers.create({ email: "marco@venice.test", name: "Marco" });
  const session = await started.stripe.checkout.sessions.create(purchase({ customer: customer.id }));
  return { ...started, customer, session };
}

test("offers what the currency and the payer allow, and refuses the rest", async () => {
  const { stripe, session } = await withCustomer();
  expect(session.payment_method_types).toEqual(["card", "us_bank_account", "crypto", "customer_balance"]);
  const guest = await stripe.checkout.sessions.create(purchase());
  expect(guest.payment_method_types).toEqual(["card", "us_bank_account", "crypto"]);
  const euros: Partial<Stripe.Checkout.SessionCreateParams> = {
    line_items: [
      { quantity: 1, price_data: { currency: "eur", unit_amount: 500, product_data: { name: "x" } } },
    ],
  };
  expect((await stripe.checkout.sessions.create(purchase(euros))).payment_method_types).toEqual(["card"]);
  const only = (extra: object) =>
    refusal(
      stripe.checkout.sessions.create({
        ...purchase(),
        allowed_payment_method_types: ["crypto"],
        ...extra,
      }),
    );
  const param = "allowed_payment_method_types";
  expect(await only(euros)).toMatchObject({ param });
  expect(await only({ [param]: ["customer_balance"] })).toMatchObject({ param });
  expect(await only({ [param]: ["klarna"] })).toMatchObject({ code: "stand_in_unsupported", param });
});

test("what is not offered cannot pay", async () => {
  const { stripe, standIn } = await start();
  const { id } = await stripe.checkout.sessions.create(
    purchase({ allowed_payment_method_types: ["us_bank_account"] }),
  );
  for (const how of [{}, { crypto: true }, { bankTransfer: true }]) {
    expect(standIn.pay(id, how).outcome).toMatchObject({
      kind: "declined",
      code: "payment_method_not_available",
    });
  }
  expect(standIn.pay(id, { bankDebit: true }).outcome.kind).toBe("processing");
});

test.each([
  [
    "succeeds",
    "paid",
    "succeeded",
    ["charge.succeeded", "payment_intent.succeeded", "checkout.session.async_payment_succeeded"],
  ],
  [
    "fails",
    "unpaid",
    "requires_payment_method",
    ["charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"],
  ],
] as const)("a bank debit is processing, then %s", async (how, status, intentStatus, types) => {
  const { stripe, standIn, sessionId, intent, ...payment } = await paid({ bankDebit: true });
  expect(payment.types()).toEqual([
    "payment_intent.created",
    "charge.pending",
    "payment_intent.processing",
    "checkout.session.completed",
  ]);
  expect((await stripe.paymentIntents.retrieve(intent)).status).toBe("processing");
  expect((await stripe.balanceTransactions.list()).data).toEqual([]);
  const mark = standIn.events.mark();
  standIn.settleDebit(sessionId, how);
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual(types);
  expect((await stripe.checkout.sessions.retrieve(sessionId)).payment_status).toBe(status);
  expect((await stripe.paymentIntents.retrieve(intent)).status).toBe(intentStatus);
  await holds(stripe, standIn);
});

test("a bank debit costs 0.8 %, five dollars at most", async () => {
  const { stripe, standIn, sessionId } = await paid({ bankDebit: true });
  standIn.settleDebit(sessionId, "succeeds");
  expect((await stripe.balanceTransactions.list({ type: "payment" })).data).toMatchObject([
    { amount: 9_900, fee: 79, reporting_category: "charge" },
  ]);
  const large = await stripe.checkout.sessions.create(
    purchase({
      line_items: [
        { quantity: 1, price_data: { currency: "usd", unit_amount: 99_900, product_data: { name: "x" } } },
      ],
    }),
  );
  standIn.pay(large.id, { bankDebit: true });
  standIn.settleDebit(large.id, "succeeds");
  expect((await stripe.balanceTransactions.list()).data[0]?.fee).toBe(500);
});

test("a bank transfer waits for the customer's money, which arrives", async () => {
  const { stripe, standIn, session } = await withCustomer();
  const sent = await pageForm(session.url, { means: "bank_transfer", action: "pay" });
  expect(sent.headers.get("location")).toBe(`https://shop.test/thanks?session=${session.id}`);
  const waiting = await stripe.checkout.sessions.retrieve(session.id, { expand: ["payment_intent"] });
  expect(waiting).toMatchObject({
    status: "complete",
    payment_status: "unpaid",
    payment_intent: {
      status: "requires_action",
      latest_charge: null,
      next_action: {
        type: "display_bank_transfer_instructions",
        display_bank_transfer_instructions: { amount_remaining: 9_900, type: "us_bank_transfer" },
      },
    },
  });
  expect(await (await fetch(`${standIn.url}/c/transfer/${session.id}`)).text()).toContain("Send $99.00");
  const mark = standIn.events.mark();
  standIn.settleTransfer(session.id, "arrives");
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.async_payment_succeeded",
    "charge.updated",
  ]);
  const arrived = await stripe.checkout.sessions.retrieve(session.id, {
    expand: ["payment_intent.latest_charge.balance_transaction"],
  });
  expect(arrived).toMatchObject({
    payment_status: "paid",
    payment_intent: {
      status: "succeeded",
      next_action: null,
      latest_charge: {
        payment_method_details: { type: "customer_balance" },
        balance_transaction: { type: "payment", fee: 50 },
      },
    },
  });
  expect(() => standIn.settleTransfer(session.id, "arrives")).toThrow("No bank transfer is awaited");
  await holds(stripe, standIn);
});

test("a bank transfer that never comes ends canceled and unpaid", async () => {
  const { stripe, standIn, session } = await withCustomer();
  standIn.pay(session.id, { bankTransfer: true });
  const mark = standIn.events.mark();
  const settled = await control(standIn, `/sessions/${session.id}/settle-transfer`, { how: "never_arrives" });
  expect(settled.status).toBe(200);
  expect(standIn.events.since(mark).map(({ type }) => type)).toEqual([
    "payment_intent.canceled",
    "checkout.session.async_payment_failed",
  ]);
  expect((await stripe.checkout.sessions.retrieve(session.id)).payment_status).toBe("unpaid");
  expect((await fetch(`${standIn.url}/c/transfer/${session.id}`)).status).toBe(404);
  await holds(stripe, standIn);
});

test("a stablecoin settles at once in dollars", async () => {
  const { stripe, standIn } = await start();
  const session = await stripe.checkout.sessions.create(purchase());
  expect(await (await fetch(session.url ?? "")).text()).toContain('value="crypto"');
  const sent = await pageForm(session.url, { email: "marco@venice.test", means: "crypto", action: "pay" });
  expect(sent.status).toBe(303);
  const after = await stripe.checkout.sessions.retrieve(session.id, {
    expand: ["payment_intent.latest_charge.balance_transaction"],
  });
  expect(after).toMatchObject({
    payment_status: "paid",
    payment_intent: {
      latest_charge: {
        currency: "usd",
        payment_method_details: { type: "crypto", crypto: { token_currency: "usdc" } },
        balance_transaction: { type: "payment", currency: "usd", fee: 149, net: 9_751 },
      },
    },
  });
  const refund = standIn.refund(session.id, { amount: 100 });
  expect(refund).toMatchObject({ status: "pending", destination_details: { type: "crypto" } });
  standIn.succeedRefund(refund.id);
  await holds(stripe, standIn);
});
