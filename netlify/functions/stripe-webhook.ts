import { stripeWebhookApi } from "../../lib/api/stripe-webhook.ts";
import { db } from "../../lib/db/open.ts";
import { runOnce } from "../../lib/delivery/run.ts";
import { game } from "../../lib/game/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { sendRefunds } from "../../lib/purchase/refund.ts";
import { settleEvent } from "../../lib/purchase/settle.ts";
import { billing, stripe } from "../../lib/stripe/open.ts";
import { followUp } from "../../lib/subscription/follow-up.ts";
import { retryInvoices } from "../../lib/subscription/retry.ts";
import { venice } from "../../lib/venice/open.ts";

/** As many as one write to Venice takes: the minute's run does the rest. */
const deliveriesPerEvent = 10;
const refundsPerEvent = 1;
const retriesPerEvent = 5;
const followUpsPerEvent = 5;

export default endpoint(
  stripeWebhookApi,
  { db, game, stripe, billing, venice },
  {
    POST: async ({ app, request, rawBody, afterwards, note }) => {
      const event = await app.stripe.verifyEvent(rawBody, request.headers.get("stripe-signature") ?? "");
      if (!event) return problem("invalid_signature");
      const settled = await settleEvent(app, event);
      note({
        stripeEvent: event.id,
        type: event.type,
        settled: settled.kind === "applied" ? settled.outcome : "failed",
      });
      if (settled.kind === "failed") return problem("event_not_applied");
      if (settled.outcome === "second_payment") afterwards(sendRefunds(app, refundsPerEvent));
      if (settled.outcome === "read") afterwards(followUp(app, followUpsPerEvent));
      if (settled.outcome === "retried") afterwards(retryInvoices(app, retriesPerEvent));
      if (settled.deliveryId) afterwards(runOnce(app, deliveriesPerEvent));
      return { status: 200, body: { received: true, outcome: settled.outcome } };
    },
  },
);
