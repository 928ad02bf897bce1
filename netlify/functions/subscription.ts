import { subscriptionApi } from "../../lib/api/subscription.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { orderKey } from "../../lib/http/order-key.ts";
import { problem } from "../../lib/http/problem.ts";
import {
  askedBy,
  changeProblem,
  previewProblem,
  startProblem,
  subscriptionBody,
} from "../../lib/http/subscription.ts";
import { limiter } from "../../lib/redis/open.ts";
import { billing, stripe } from "../../lib/stripe/open.ts";
import { changeSubscription } from "../../lib/subscription/change.ts";
import { countBilling } from "../../lib/subscription/limit.ts";
import { previewPlan } from "../../lib/subscription/preview.ts";
import { showSubscription } from "../../lib/subscription/show.ts";
import { startSubscription } from "../../lib/subscription/start.ts";

export default endpoint(
  subscriptionApi,
  { db, limiter, stripe, billing },
  {
    GET: async ({ app, caller }) => {
      // Above the limit, and uncounted, the books alone are asked.
      const isAllowed = async () => (await countBilling(app.limiter, caller.accountId)).kind === "allowed";
      const shown = await showSubscription(app, caller.sessionId, isAllowed);
      return shown ? { status: 200, body: subscriptionBody(shown) } : problem("unauthenticated");
    },
    POST: async ({ app, request, caller, body, form, origin, rawBody, note }) => {
      const { sessionId } = caller;
      const refusal = refusalByLimits([await countBilling(app.limiter, caller.accountId)], app.clock());
      if (refusal) return refusal;
      if (body.action === "start") {
        const { tier, period } = body;
        const started = await startSubscription(app, { sessionId, tier, period, origin });
        note({ start: started.kind });
        if (started.kind !== "opened") return startProblem(started.kind);
        const { url, expiresAt, trialDays } = started;
        return form
          ? { status: 303, headers: { location: url } }
          : { status: 201, body: { url, expiresAt, trialDays } };
      }
      if (body.action === "preview") {
        const { tier, period } = body;
        const previewed = await previewPlan(app, sessionId, { tier, period });
        if (previewed.kind !== "previewed") return previewProblem(previewed);
        const { when, dueNowCents, prorationAt, nextCents, at } = previewed;
        return { status: 200, body: { kind: when, dueNowCents, prorationAt, nextCents, at } };
      }
      // What a form asks for besides a change is a state: asked for again within the minute, it may have been undone in between.
      const isState = form && body.action !== "change";
      const idempotencyKey = isState ? app.newId("sch") : orderKey(request, form, rawBody, app.clock());
      if (!idempotencyKey) return problem("idempotency_key_required");
      const changed = await changeSubscription(app, { sessionId, idempotencyKey, asked: askedBy(body) });
      note({ [body.action]: changed.kind });
      if (changed.kind !== "done") return changeProblem(changed);
      if (form) return { status: 303, headers: { location: "/account/" } };
      const shown = await showSubscription(app, sessionId);
      return shown ? { status: 200, body: subscriptionBody(shown) } : problem("unauthenticated");
    },
  },
);
