/**
 * The stand-in answers what our code relies on. With STRIPE_PROBE_KEY (a test-mode key of yours) the same questions go to
 * Stripe itself, and both must answer alike.
 */
import Stripe from "stripe";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startStripe, type StripeStandIn } from "../../dev/stripe/start.ts";
import { probe, type ProbeFinding } from "../support/stripe-probe.ts";

let standIn: StripeStandIn;
let found: ProbeFinding;

beforeAll(async () => {
  standIn = await startStripe({ apiKey: "sk_test_probe" });
  found = await probe(new Stripe("sk_test_probe", { ...standIn.sdkConfig, maxNetworkRetries: 0 }));
});
afterAll(() => standIn.close());

test("the stand-in, as Stripe documents it", () => {
  expect(found).toEqual({
    "a product keeps the id it was given": true,
    "a session": ["checkout.session", "open", "unpaid", 1000, "usd", "payment"],
    "it has a page": true,
    "its metadata": { purchase: expect.stringMatching(/^probe_/) as string },
    "the same key again is the same session": true,
    "the same key for another order": ["StripeIdempotencyError", 400, null],
    "an expiry too near": ["StripeInvalidRequestError", 400, "expires_at"],
    "an unknown product": ["StripeInvalidRequestError", 400, expect.stringContaining("product") as string],
    "an unknown customer": ["StripeInvalidRequestError", 400, "customer"],
    "expired by us": "expired",
    "expired again": ["StripeInvalidRequestError", 400, null],
    "seen afterwards": "expired",
    "an unknown parameter": ["StripeInvalidRequestError", 400, "nonsense"],
  });
});

const key = process.env["STRIPE_PROBE_KEY"];
if (key?.startsWith("sk_test_"))
  test("Stripe itself answers alike", async () => {
    const real = await probe(new Stripe(key));
    expect({ ...real, "its metadata": null }).toEqual({ ...found, "its metadata": null });
  });
