import { touchKey } from "../../lib/account/keys.ts";
import { withdrawApi } from "../../lib/api/deliveries.ts";
import { db } from "../../lib/db/open.ts";
import { countWithdrawal } from "../../lib/delivery/limit.ts";
import { withdraw } from "../../lib/delivery/withdraw.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { orderKey } from "../../lib/http/order-key.ts";
import { problem } from "../../lib/http/problem.ts";
import { ducats } from "../../lib/money.ts";
import { limiter } from "../../lib/redis/open.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  withdrawApi,
  { db, limiter, venice },
  {
    POST: async ({ app, request, caller, body, form, rawBody, note, afterwards }) => {
      const idempotencyKey = orderKey(request, form, rawBody, app.clock());
      if (!idempotencyKey) return problem("idempotency_key_required");
      const refusal = refusalByLimits([await countWithdrawal(app.limiter, caller)], app.clock());
      if (refusal) return refusal;
      const outcome = await withdraw(app, caller, { millis: body.ducats, idempotencyKey });
      note({ withdrawal: outcome.kind });
      switch (outcome.kind) {
        case "queued": {
          const { delivery, walletMillis, accountId, keySeenLongAgo } = outcome;
          note({ account: accountId });
          afterwards(touchKey(app, caller, keySeenLongAgo));
          return { status: 202, body: { delivery, walletMillis } };
        }
        case "insufficient":
          return problem("insufficient_ducats", {
            field: "ducats",
            detail: `Your wallet holds ${ducats(outcome.walletMillis)}. Withdraw less, or buy more first.`,
          });
        case "unknown_citizen":
          return problem("unknown_citizen", {
            detail: "Your citizen is not in Venice any more. Choose another one on your account page.",
          });
        case "key_reused":
          return problem("idempotency_key_reused");
        case "citizen_changed":
          return problem("citizen_changed", {
            detail: "Your citizen was changed meanwhile. See who it is now, and ask again with the same key.",
          });
        case "disputed":
          return problem("payment_disputed");
        case "unauthorised":
          return problem("unauthenticated");
        case "forbidden":
          return problem("insufficient_scope");
      }
    },
  },
);
