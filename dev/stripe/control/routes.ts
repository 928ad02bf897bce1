/** The control routes, `/_control/…` in JSON and `/_control` for people: what a test or a developer does to Stripe. */
import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Faults } from "../../wire/faults.ts";
import type { Clock } from "../../clock.ts";
import type { Gate } from "../protocol/gate.ts";
import type { Actions } from "../stand-in.ts";
import type { Webhooks } from "../webhooks/deliver.ts";
import type { World } from "../world.ts";
import { sweep } from "../sweep.ts";
import { act, nothing } from "./act.ts";
import { mountBillingRoutes } from "./billing-routes.ts";
import { controlPage } from "./page.ts";
import type { Passing } from "./passing.ts";
import { mountPaymentRoutes } from "./payment-routes.ts";
import { mountSessionRoutes } from "./session-routes.ts";
import { mountWebhookRoutes } from "./webhook-routes.ts";

export type Controlled = {
  readonly world: World;
  readonly actions: Actions;
  readonly webhooks: Webhooks;
  readonly faults: Faults;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly passing: Passing;
};

const setting = z.strictObject({ at: z.iso.datetime() });
const advancing = z.strictObject({ ms: z.int() });

export function mountControl(app: Hono, controlled: Controlled): void {
  const { world, actions, webhooks, gate, clock, passing } = controlled;

  app.get("/_control", (context) => context.html(controlPage(controlled)));
  app.get("/_control/", (context) => context.redirect("/_control"));
  mountSessionRoutes(app, actions);
  mountPaymentRoutes(app, actions);
  mountWebhookRoutes(app, actions, webhooks);
  mountBillingRoutes(app, actions, clock, passing);

  app.post("/_control/gate/shut", (context) =>
    act(context, nothing, () => {
      gate.shut();
      return { shut: true };
    }),
  );
  app.post("/_control/gate/open", (context) =>
    act(context, nothing, () => {
      gate.open();
      return { shut: false };
    }),
  );
  // The functions of `npm start` live by it (dev/functions-clock.ts).
  app.get("/_control/clock", (context) =>
    context.json({ now: clock.now(), aheadMs: clock.aheadMs(), until: passing.until() ?? null }),
  );
  app.post("/_control/clock/set", (context) =>
    act(context, setting, ({ at }) => {
      clock.set(new Date(at));
      return { now: clock.now() };
    }),
  );
  app.post("/_control/clock/advance", (context) =>
    act(context, advancing, ({ ms }) => {
      clock.advance(ms);
      sweep(world);
      return { now: clock.now() };
    }),
  );
  app.post("/_control/clock/resume", (context) =>
    act(context, nothing, () => {
      clock.resume();
      return { now: clock.now() };
    }),
  );
  app.get("/_control/check", (context) => context.json(actions.check()));
  app.get("/_control/state", (context) =>
    context.json({
      sessions: world.sessions.newestFirst(),
      payment_intents: world.paymentIntents.newestFirst(),
      charges: world.charges.newestFirst(),
      refunds: world.refunds.newestFirst(),
      disputes: world.disputes.newestFirst(),
      balance_transactions: world.balanceTransactions.newestFirst(),
      payouts: world.payouts.newestFirst(),
      subscriptions: world.billing.subscriptions.newestFirst(),
      invoices: world.billing.invoices.newestFirst(),
      events: world.events.newestFirst(),
    }),
  );
  app.post("/_control/page/faults", (context) => planFromPage(context, controlled.faults));
}

async function planFromPage(context: Context, faults: Faults): Promise<Response> {
  const form = await context.req.parseBody();
  if (form["kind"] === "clear") faults.clear();
  else {
    const kind = z.enum(["latency", "status", "drop_before", "drop_after", "repeat"]).safeParse(form["kind"]);
    if (!kind.success) return context.json({ error: z.prettifyError(kind.error) }, 400);
    faults.plan({ kind: kind.data });
  }
  return context.redirect("/_control", 303);
}
