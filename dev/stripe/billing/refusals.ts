/** What the billing endpoints refuse, in Stripe's words. */
import { invalid, Refusal } from "../protocol/errors.ts";

type Reason = { readonly code: string; readonly declineCode: string | undefined; readonly message: string };

export function declined({ code, declineCode, message }: Reason): Refusal {
  return new Refusal("card_error", message, { status: 402, code, declineCode });
}

export function asksForProof(): Refusal {
  return new Refusal("card_error", "Invoice payment intent requires action", {
    status: 402,
    code: "invoice_payment_intent_requires_action",
  });
}

export function proofNeeded(): Refusal {
  return new Refusal("card_error", "Your card was declined. This transaction requires authentication.", {
    status: 402,
    code: "authentication_required",
    declineCode: "authentication_required",
  });
}

export function noMeans(): Refusal {
  return invalid(
    "This customer has no attached payment source or default payment method. Please consider adding a default payment " +
      "method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
    { code: "resource_missing" },
  );
}
