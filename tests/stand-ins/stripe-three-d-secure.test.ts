/** 3-D Secure at the stand-in: the holder of a card proves who they are on a page of its own. */
import { expect, test } from "vitest";
import { holds, paid, pageForm, purchase, refusal, start } from "./stripe-shop.ts";

const UNLESS_SET_UP = "4000002500003155";
const ALWAYS = "4000002760003184";
const DECLINED_AFTER = "4000008400001629";

async function challenged(card: string) {
  const started = await start();
  const { id, url } = await started.stripe.checkout.sessions.create(purchase());
  const sent = await pageForm(url, { email: "marco@venice.test", card, action: "pay" });
  expect(sent.status).toBe(303);
  const proof = new URL(sent.headers.get("location") ?? "", url ?? "").href;
  const intent = async () => (await started.stripe.paymentIntents.list()).data[0];
  return { ...started, id, url, proof, intent };
}

test.each([UNLESS_SET_UP, ALWAYS])(
  "card %s asks for a proof, and is charged when it is given",
  async (card) => {
    const { stripe, standIn, id, url, proof, intent } = await challenged(card);
    expect(proof).toBe(`${url ?? ""}/authenticate`);
    expect(await intent()).toMatchObject({
      status: "requires_action",
      latest_charge: null,
      next_action: { type: "redirect_to_url", redirect_to_url: { url: proof } },
    });
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: "open",
      payment_status: "unpaid",
    });
    const page = await (await fetch(proof)).text();
    expect(page).toContain("Is it you who pays $99.00?");
    const done = await pageForm(proof, { action: "complete" });
    expect(done.headers.get("location")).toBe(`https://shop.test/thanks?session=${id}`);
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ["payment_intent.latest_charge"] });
    expect(session).toMatchObject({
      payment_status: "paid",
      payment_intent: {
        status: "succeeded",
        next_action: null,
        latest_charge: {
          payment_method_details: {
            card: { three_d_secure: { result: "authenticated", authentication_flow: "challenge" } },
          },
        },
      },
    });
    expect(standIn.events.since().map(({ type }) => type)).toEqual([
      "product.created",
      "price.created",
      "payment_intent.created",
      "payment_intent.requires_action",
      "charge.succeeded",
      "payment_intent.succeeded",
      "checkout.session.completed",
      "charge.updated",
    ]);
    await holds(stripe, standIn);
  },
);

test("a proof that fails charges nothing and leaves the session open for another card", async () => {
  const { stripe, standIn, id, url, proof, intent } = await challenged(ALWAYS);
  const failed = await pageForm(proof, { action: "fail" });
  expect(failed.status).toBe(402);
  const page = await failed.text();
  expect(page).toContain("We are unable to authenticate your payment method.");
  expect(page).toContain(`action="/c/pay/${id}"`);
  expect(await intent()).toMatchObject({
    status: "requires_payment_method",
    last_payment_error: {
      code: "payment_intent_authentication_failure",
      type: "invalid_request_error",
    },
  });
  expect(standIn.world.charges.oldestFirst()).toEqual([]);
  expect(standIn.events.since().at(-1)?.type).toBe("payment_intent.payment_failed");
  // The proof is over: its page leads back, and its button does nothing.
  expect((await fetch(proof, { redirect: "manual" })).status).toBe(303);
  expect((await pageForm(proof, { action: "complete" })).headers.get("location")).toBe(`/c/pay/${id}`);
  await pageForm(url, { email: "marco@venice.test", card: "4242424242424242", action: "pay" });
  expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({ payment_status: "paid" });
  expect(standIn.world.paymentIntents.oldestFirst()).toHaveLength(1);
  await holds(stripe, standIn);
});

test("a card is declined after a good proof", async () => {
  const { stripe, standIn, proof, intent } = await challenged(DECLINED_AFTER);
  const declined = await pageForm(proof, { action: "complete" });
  expect(declined.status).toBe(402);
  expect(await declined.text()).toContain("Your card was declined.");
  expect(await intent()).toMatchObject({
    status: "requires_payment_method",
    last_payment_error: { code: "card_declined", type: "card_error" },
  });
  expect(
    standIn.events
      .since()
      .slice(-2)
      .map(({ type }) => type),
  ).toEqual(["charge.failed", "payment_intent.payment_failed"]);
  await holds(stripe, standIn);
});

test("another card in the meantime ends the proof that was asked for", async () => {
  const { standIn, url, proof, id } = await challenged(ALWAYS);
  await pageForm(url, { email: "marco@venice.test", card: "4000000000000002", action: "pay" });
  expect((await pageForm(proof, { action: "complete" })).headers.get("location")).toBe(`/c/pay/${id}`);
  await pageForm(url, { email: "marco@venice.test", card: "4242424242424242", action: "pay" });
  const late = await pageForm(proof, { action: "complete" });
  expect(late.headers.get("location")).toBe(`https://shop.test/thanks?session=${id}`);
  expect(standIn.world.charges.oldestFirst().map(({ status }) => status)).toEqual(["failed", "succeeded"]);
});

test("a session that expires during the proof takes its PaymentIntent along", async () => {
  const { stripe, standIn, id, proof, intent } = await challenged(ALWAYS);
  await stripe.checkout.sessions.expire(id);
  expect(await intent()).toMatchObject({ status: "canceled", next_action: null });
  expect((await pageForm(proof, { action: "complete" })).status).toBe(410);
  expect(standIn.world.charges.oldestFirst()).toEqual([]);
  expect(standIn.check()).toEqual([]);
});

test("by program: pay, then authenticate; there is nothing to prove otherwise", async () => {
  const { stripe, standIn, sessionId, intent } = await paid({ card: ALWAYS });
  expect((await stripe.paymentIntents.retrieve(intent)).status).toBe("requires_action");
  expect(await refusal(stripe.refunds.create({ payment_intent: intent }))).toMatchObject({
    message: expect.stringContaining("does not have a successful charge to refund") as string,
  });
  expect(standIn.authenticate(sessionId, "fails").outcome.kind).toBe("declined");
  expect(() => standIn.authenticate(sessionId, "completes")).toThrow("No proof is awaited");
  expect(standIn.pay(sessionId, { card: ALWAYS }).outcome.kind).toBe("requires_action");
  expect(standIn.authenticate(sessionId, "completes").outcome.kind).toBe("paid");
});
