import { quoteApi } from "../../lib/api/quote.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { takeQuote } from "../../lib/purchase/signed-quote.ts";

export default endpoint(
  quoteApi,
  { db },
  {
    POST: async ({ app, caller, body }) => {
      const taken = await takeQuote(app, caller.sessionId, body.order, body.deliverTo);
      if (taken.kind === "unauthorised") return problem("unauthenticated");
      const { token, quote, totalMillis, debtMillis, rate } = taken;
      const { citizen, deliverTo, amountCents, baseMillis, bonusMillis, expiresAt } = quote;
      return {
        status: 200,
        body: {
          ...{
            quote: token,
            citizen,
            deliverTo,
            amountCents,
            baseMillis,
            bonusMillis,
            totalMillis,
            debtMillis,
          },
          rate,
          expiresAt: expiresAt.toISOString(),
          expiresInSeconds: taken.expiresInSeconds,
        },
      };
    },
  },
);
