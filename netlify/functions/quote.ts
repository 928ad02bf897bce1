import { quoteApi } from "../../lib/api/quote.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limitMembers, promotionProblem } from "../../lib/http/refused-order.ts";
import { cents } from "../../lib/money.ts";
import { countCode } from "../../lib/purchase/limit.ts";
import { takeQuote } from "../../lib/purchase/signed-quote.ts";
import { limiter } from "../../lib/redis/open.ts";
import { promotionCodes } from "../../lib/stripe/open.ts";

export default endpoint(
  quoteApi,
  { db, limiter, promotionCodes },
  {
    POST: async ({ app, caller, body }) => {
      if (body.promotionCode !== undefined) {
        const refusal = refusalByLimits([await countCode(app.limiter, caller.accountId)], app.clock());
        if (refusal) return refusal;
      }
      const taken = await takeQuote(app, caller.sessionId, body);
      if (taken.kind === "unauthorised") return problem("unauthenticated");
      if (taken.kind !== "quoted") return promotionProblem(taken);
      const { token, quote, totalMillis, debtMillis, rate, limitReached } = taken;
      const { citizen, deliverTo, amountCents, baseMillis, bonusMillis, discount, expiresAt } = quote;
      return {
        status: 200,
        body: {
          ...{ quote: token, citizen, deliverTo, amountCents },
          discountCents: discount?.discountCents ?? cents(0n),
          ...{ baseMillis, bonusMillis, totalMillis, debtMillis },
          limitReached: limitReached && limitMembers(limitReached),
          rate,
          expiresAt: expiresAt.toISOString(),
          expiresInSeconds: taken.expiresInSeconds,
        },
      };
    },
  },
);
