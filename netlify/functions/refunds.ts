import { refundsApi } from "../../lib/api/refunds.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { orderKey } from "../../lib/http/order-key.ts";
import { problem } from "../../lib/http/problem.ts";
import { printCents, type Cents } from "../../lib/money.ts";
import { requestRefund } from "../../lib/purchase/refund.ts";
import { stripe } from "../../lib/stripe/open.ts";

export default endpoint(
  refundsApi,
  { db, stripe },
  {
    POST: async ({ app, request, caller, body, form, rawBody, note }) => {
      const idempotencyKey = orderKey(request, form, rawBody, app.clock());
      if (!idempotencyKey) return problem("idempotency_key_required");
      const outcome = await requestRefund(app, caller.sessionId, {
        ...body,
        amountCents: body.amountCents,
        idempotencyKey,
      });
      note({ refund: outcome.kind });
      switch (outcome.kind) {
        case "asked":
        case "made": {
          const { id, kind: state, purchaseId, payment, amountCents } = outcome;
          return { status: 201, body: { id, state, purchaseId, payment, amountCents } };
        }
        case "refused":
          return problem("refund_refused", outcome.error === null ? {} : { detail: outcome.error });
        case "too_much":
          return problem("not_refundable", {
            field: "amountCents",
            detail: leftOf(outcome),
          });
        case "not_paid":
          return problem("not_refundable");
        case "set_aside":
          return problem("not_refundable", {
            field: "purchaseId",
            detail: `Its money was set aside. Give the payment instead of the purchase: ${outcome.payments.join(", ")}.`,
          });
        case "other_mode":
          return problem("not_refundable", {
            detail:
              "Our key is for Stripe's other mode (test or live). Send it back in its dashboard, there.",
          });
        case "key_reused":
          return problem("idempotency_key_reused");
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);

type Gone = Readonly<Record<"leftCents" | "refundedCents" | "askedCents" | "lostCents", Cents>>;

/** What can still be refunded, and where the rest is. */
function leftOf({ leftCents, refundedCents, askedCents, lostCents }: Gone): string {
  const rest = [
    ...(refundedCents > 0n ? [`${printCents(refundedCents)} went back`] : []),
    ...(askedCents > 0n ? [`${printCents(askedCents)} is on its way back`] : []),
    ...(lostCents > 0n ? [`${printCents(lostCents)} was lost to a dispute or never came`] : []),
  ];
  const left = `${printCents(leftCents)} of it can still be refunded`;
  return `${[left, ...rest].join("; ")}.`;
}
