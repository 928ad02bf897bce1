import { createCheckoutApi } from "../../lib/api/create-checkout.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { orderKey } from "../../lib/http/order-key.ts";
import { problem } from "../../lib/http/problem.ts";
import { limitProblem, promotionProblem } from "../../lib/http/refused-order.ts";
import { ducats } from "../../lib/money.ts";
import { countCheckout } from "../../lib/purchase/limit.ts";
import { openCheckout } from "../../lib/purchase/open.ts";
import { limiter } from "../../lib/redis/open.ts";
import { promotionCodes, stripe } from "../../lib/stripe/open.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  createCheckoutApi,
  { db, limiter, stripe, promotionCodes, venice },
  {
    POST: async ({ app, request, caller, body, form, origin, rawBody, note }) => {
      const idempotencyKey = orderKey(request, form, rawBody, app.clock());
      if (!idempotencyKey) return problem("idempotency_key_required");
      const withCode = body.kind === "ordered" && body.promotionCode !== undefined;
      const counted = await countCheckout(app.limiter, caller.accountId, withCode);
      const refusal = refusalByLimits(counted, app.clock());
      if (refusal) return refusal;
      const outcome = await openCheckout(app, {
        sessionId: caller.sessionId,
        wish: body,
        idempotencyKey,
        origin,
      });
      note({ checkout: outcome.kind });
      switch (outcome.kind) {
        case "opened": {
          const { purchaseId, url, expiresAt, debtMillis } = outcome;
          return form
            ? { status: 303, headers: { location: url } }
            : { status: 201, body: { purchaseId, url, expiresAt, debtMillis } };
        }
        case "already_paid":
          return form
            ? { status: 303, headers: { location: `/purchase/?id=${outcome.purchaseId}` } }
            : problem("already_paid", {
                detail: `Purchase ${outcome.purchaseId} was paid; use a new Idempotency-Key to buy again.`,
              });
        case "processing":
          return problem("payment_processing");
        case "review":
          return problem("payment_in_review");
        case "reserve_too_low":
          return problem("reserve_too_low", {
            field: "deliverTo",
            detail: `Venice can be paid ${ducats(outcome.freeMillis)} right now. Choose less, or set deliverTo to wallet.`,
          });
        case "unknown_citizen":
          return problem("unknown_citizen", {
            detail:
              "Your citizen is not in Venice any more. Set deliverTo to wallet, and your ducats wait here.",
          });
        case "quote_invalid":
        case "quote_expired":
        case "quote_used":
          return problem(outcome.kind, { field: "quote" });
        case "price_expired":
          return problem("price_expired");
        case "price_mismatch":
          return problem(
            "price_mismatch",
            outcome.withCode
              ? { detail: "Nothing was charged, and we were told. Order without the promotion code." }
              : {},
          );
        case "limit_reached":
          return limitProblem(outcome);
        case "promotion_unknown":
        case "promotion_expired":
        case "promotion_used_up":
        case "promotion_first_purchase_only":
        case "promotion_below_minimum":
        case "promotion_not_usable":
        case "promotion_leaves_too_little":
          return promotionProblem(outcome);
        case "citizen_changed":
          return problem("citizen_changed", {
            field: "quote",
            detail: "The quote is for the citizen your account had before. Take a new one.",
          });
        case "key_reused":
          return problem("idempotency_key_reused");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
