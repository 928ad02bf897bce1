/** What a verified event of Stripe's says: the one fact that the books act on. */
import { expect, test } from "vitest";
import { eventFact } from "../../lib/purchase/event-fact.ts";
import type { VerifiedEvent } from "../../lib/stripe/port.ts";

const version = "2026-10-28.endive";

const session = {
  object: "checkout.session",
  id: "cs_test_1",
  mode: "payment",
  client_reference_id: "pur_reference",
  metadata: { purchase: "pur_metadata" },
  payment_intent: "pi_1",
  payment_status: "paid",
  amount_total: 1_000,
  currency: "usd",
  customer: "cus_1",
};
const intent = {
  object: "payment_intent",
  id: "pi_1",
  status: "succeeded",
  metadata: { purchase: "pur_metadata" },
  amount: 9_999,
  amount_received: 1_000,
  currency: "usd",
  customer: null,
  last_payment_error: null,
};
const refs = { purchaseId: "pur_metadata", sessionId: "cs_test_1", paymentIntent: "pi_1" };

function fact(type: string, object: unknown, apiVersion: string | null = version) {
  const event: VerifiedEvent = {
    id: "evt_1",
    type,
    apiVersion,
    livemode: false,
    created: 1,
    object,
    payload: {},
  };
  return eventFact(event, version);
}

test.each(["checkout.session.completed", "checkout.session.async_payment_succeeded"])(
  "%s of a paid session is paid",
  (type) => {
    expect(fact(type, session)).toEqual({
      effect: "paid",
      ...refs,
      amountCents: 1_000,
      currency: "usd",
      customer: "cus_1",
    });
  },
);

test("a session that needed no payment is paid, by nothing", () => {
  const free = { ...session, payment_status: "no_payment_required", amount_total: 0, payment_intent: null };
  expect(fact("checkout.session.completed", free)).toMatchObject({
    effect: "paid",
    amountCents: 0,
    paymentIntent: null,
  });
});

test("a completed session that isn't paid yet is processing", () => {
  expect(fact("checkout.session.completed", { ...session, payment_status: "unpaid" })).toEqual({
    effect: "processing",
    ...refs,
  });
});

test("a late failure, and an expiry", () => {
  const unpaid = { ...session, payment_status: "unpaid" };
  expect(fact("checkout.session.async_payment_failed", unpaid)).toEqual({
    effect: "failed",
    ...refs,
    reason: expect.stringMatching(/bank/),
  });
  expect(fact("checkout.session.expired", { ...unpaid, payment_intent: null })).toEqual({
    effect: "expired",
    ...refs,
    paymentIntent: null,
  });
});

test("payment_intent.succeeded is paid with what was received, not with what was asked", () => {
  expect(fact("payment_intent.succeeded", intent)).toEqual({
    effect: "paid",
    ...{ purchaseId: "pur_metadata", sessionId: null, paymentIntent: "pi_1" },
    ...{ amountCents: 1_000, currency: "usd", customer: null },
  });
});

test("payment_intent.payment_failed is declined, with the bank's words", () => {
  const declined = {
    ...intent,
    status: "requires_payment_method",
    last_payment_error: { message: "Your card was declined." },
  };
  expect(fact("payment_intent.payment_failed", declined)).toMatchObject({
    effect: "declined",
    reason: "Your card was declined.",
  });
  const silent = { ...intent, status: "requires_payment_method" };
  expect(fact("payment_intent.payment_failed", silent)).toMatchObject({ effect: "declined", reason: null });
});

test("references are read as ids, or from the object when expanded", () => {
  const expanded = {
    ...session,
    payment_intent: { id: "pi_9", object: "payment_intent" },
    customer: { id: "cus_9" },
  };
  expect(fact("checkout.session.completed", expanded)).toMatchObject({
    paymentIntent: "pi_9",
    customer: "cus_9",
  });
});

test("without metadata nothing names the purchase: the session's reference may be a stranger's", () => {
  const type = "checkout.session.completed";
  expect(fact(type, { ...session, metadata: {} })).toMatchObject({ purchaseId: null });
  expect(fact(type, { ...session, metadata: null })).toMatchObject({ purchaseId: null });
  expect(fact("payment_intent.succeeded", { ...intent, metadata: {} })).toMatchObject({ purchaseId: null });
});

test("amounts and citizens in the metadata are not even read", () => {
  const metadata = { purchase: "pur_metadata", amount: "1", ducats: "1000000", citizen: "Somebody" };
  expect(fact("checkout.session.completed", { ...session, metadata })).toEqual(
    fact("checkout.session.completed", session),
  );
});

test.each([
  "customer.created",
  "charge.succeeded",
  "payment_intent.created",
  "payment_intent.canceled",
  "checkout_session.completed",
  "",
])("%s is none of ours, whatever it holds and whatever its version", (type) => {
  expect(fact(type, { anything: true })).toEqual({ effect: "none" });
  expect(fact(type, null, "2020-08-27")).toEqual({ effect: "none" });
});

test("a session in mode setup is not a purchase", () => {
  expect(fact("checkout.session.completed", { ...session, mode: "setup" })).toEqual({ effect: "none" });
});

test("a session's event that we don't know is none of ours", () => {
  expect(fact("checkout.session.opened", session)).toEqual({ effect: "none" });
});

test.each([["2020-08-27"], [null]])(
  "an event of version %s is not interpreted, even when it would fit",
  (apiVersion) => {
    expect(fact("checkout.session.completed", session, apiVersion)).toEqual({ effect: "other_version" });
    expect(fact("payment_intent.succeeded", "no object at all", apiVersion)).toEqual({
      effect: "other_version",
    });
  },
);

test.each([
  ["a fraction of a cent", "checkout.session.completed", { ...session, amount_total: 1_000.5 }],
  ["an amount as text", "checkout.session.completed", { ...session, amount_total: "1000" }],
  ["an unknown payment status", "checkout.session.completed", { ...session, payment_status: "perhaps" }],
  ["another object", "checkout.session.completed", intent],
  ["no received amount", "payment_intent.succeeded", { ...intent, amount_received: undefined }],
  ["a session for an intent", "payment_intent.succeeded", session],
  ["nothing", "checkout.session.completed", null],
])("an event of our version with %s throws: it is kept as failed, never guessed", (_, type, object) => {
  expect(() => fact(type, object)).toThrow();
});

test("a session without amount or currency agrees with no purchase", () => {
  expect(
    fact("checkout.session.completed", { ...session, amount_total: null, currency: null }),
  ).toMatchObject({
    effect: "paid",
    amountCents: 0,
    currency: "",
  });
});
