import { paymentMethodsApi } from "../../lib/api/billing.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limiter } from "../../lib/redis/open.ts";
import { billing, stripe } from "../../lib/stripe/open.ts";
import { actOnCard, listCards } from "../../lib/subscription/cards.ts";
import { countBilling } from "../../lib/subscription/limit.ts";
import { retryInvoices } from "../../lib/subscription/retry.ts";

const retriesPerCard = 5;

export default endpoint(
  paymentMethodsApi,
  { db, limiter, stripe, billing },
  {
    GET: async ({ app, caller }) => {
      const refusal = refusalByLimits([await countBilling(app.limiter, caller.accountId)], app.clock());
      if (refusal) return refusal;
      const listed = await listCards(app, caller.sessionId);
      return listed.kind === "read"
        ? { status: 200, body: { cards: [...listed.cards] } }
        : problem("unauthenticated");
    },
    POST: async ({ app, caller, body, afterwards, note }) => {
      const refusal = refusalByLimits([await countBilling(app.limiter, caller.accountId)], app.clock());
      if (refusal) return refusal;
      const outcome = await actOnCard(app, caller.sessionId, body);
      note({ [body.action]: outcome.kind });
      switch (outcome.kind) {
        case "done":
          if (body.action === "default") afterwards(retryInvoices(app, retriesPerCard));
          return { status: 200, body: { cards: [...outcome.cards] } };
        case "only_card":
          return problem("card_needed", {
            detail:
              "It is your only one: put another card in first, on the page that billing-portal opens; or cancel your tier.",
          });
        case "default_card":
          return problem("card_needed", {
            detail: "Make another card the one that is charged, then remove this one.",
          });
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
