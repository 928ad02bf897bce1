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
    "no such dispute": ["StripeInvalidRequestError", 404, "dispute"],
    "no such refund": ["StripeInvalidRequestError", 404, "refund"],
    "no such payout": ["StripeInvalidRequestError", 404, "payout"],
    "transactions of no payout": ["StripeInvalidRequestError", 400, "payout"],
    "a refund of no charge": ["StripeInvalidRequestError", 404, "id"],
    "a refund of nothing": ["StripeInvalidRequestError", 400, null],
    "no such promotion code": ["StripeInvalidRequestError", 404, "promotion_code"],
    "the same code again, in small letters": ["StripeInvalidRequestError", 400, null],
    "a tenth off": [1000, 100, 900],
    "its discounts": [["coupon", "promotion_code"]],
    "a code for one, after its session has expired": [
      "StripeInvalidRequestError",
      400,
      "discounts[0][promotion_code]",
    ],
    "a code for larger orders": ["StripeInvalidRequestError", 400, "discounts[0][promotion_code]"],
    "no such code": ["StripeInvalidRequestError", 400, "discounts[0][promotion_code]"],
    "all off": [0, "no_payment_required"],
  });
});

const key = process.env["STRIPE_PROBE_KEY"];
if (key?.startsWith("sk_test_"))
  test("Stripe itself answers alike", async () => {
    const real = await probe(new Stripe(key));
    expect({ ...real, "its metadata": null }).toEqual({ ...found, "its metadata": null });
  });
