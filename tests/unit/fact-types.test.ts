/** What the webhook subscribes to and Stripe's list is asked for is what becomes a fact: no more, and few enough to ask for. */
import { expect, test } from "vitest";
import { factTypes, paymentFact } from "../../lib/purchase/payment-fact.ts";

const event = (type: string) => ({
  ...{ id: "evt_1", type, apiVersion: "another", livemode: false, created: 1, object: {}, payload: {} },
});

test.each(factTypes)("%s is acted on", (type) => {
  expect(paymentFact(event(type), "ours")).toEqual({ effect: "other_version" });
});

test("one request names them all, each once", () => {
  expect(factTypes.length).toBeLessThanOrEqual(20);
  expect(new Set(factTypes).size).toBe(factTypes.length);
});
