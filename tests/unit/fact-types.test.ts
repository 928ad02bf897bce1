/** What the webhook subscribes to and Stripe's lists are asked for is what becomes a fact: no more, and few enough to ask for. */
import { expect, test } from "vitest";
import { eventFact } from "../../lib/purchase/event-fact.ts";
import { paymentTypes } from "../../lib/purchase/payment-fact.ts";
import { subscriptionTypes } from "../../lib/subscription/fact.ts";

const event = (type: string) => ({
  ...{ id: "evt_1", type, apiVersion: "another", livemode: false, created: 1, object: {}, payload: {} },
});

test.each([...paymentTypes, ...subscriptionTypes])("%s is acted on", (type) => {
  expect(eventFact(event(type), "ours")).toEqual({ effect: "other_version" });
});

test("one request names each list's, each once", () => {
  expect(paymentTypes.length).toBeLessThanOrEqual(20);
  expect(subscriptionTypes.length).toBeLessThanOrEqual(20);
  const all = [...paymentTypes, ...subscriptionTypes];
  expect(new Set(all).size).toBe(all.length);
});
