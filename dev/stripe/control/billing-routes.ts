/** `/_control/…`: time passes for subscriptions, and what customers and banks do about their invoices. */
import type { Hono } from "hono";
import { z } from "zod";
import type { Clock } from "../../clock.ts";
import { msOf } from "../actions/billing.ts";
import type { Actions } from "../stand-in.ts";
import { act, defined, idIn, nothing } from "./act.ts";
import type { Passing } from "./passing.ts";

const passing = z.union([
  z.strictObject({ days: z.int().min(1) }),
  z.strictObject({ months: z.int().min(1) }),
  z.strictObject({ ms: z.int().min(1) }),
]);
const setting = z.strictObject({
  retryDays: z.array(z.int().min(1)).optional(),
  afterRetries: z.enum(["cancel", "unpaid", "past_due"]).optional(),
  upcomingDays: z.int().min(0).optional(),
  draftSeconds: z.int().min(0).optional(),
});
/** A form says a card's number as text even where it looks like a number. */
const paying = z.strictObject({ card: z.string().optional() });
const turning = z.strictObject({ card: z.string() });
const storing = z.strictObject({ card: z.string().optional(), makeDefault: z.boolean().optional() });
const proving = z.strictObject({ how: z.enum(["completes", "fails"]) });
const warning = z.strictObject({ fraudType: z.string().optional() });
const advancing = z.strictObject({ to: z.int() });

export function mountBillingRoutes(app: Hono, actions: Actions, clock: Clock, time: Passing): void {
  function pass(to: Date) {
    time.begin(to);
    return { now: clock.now(), until: to };
  }

  app.post("/_control/billing/settings", (context) =>
    act(context, setting, (settings) => actions.setBilling(defined(settings))),
  );
  app.post("/_control/billing/advance", (context) =>
    act(context, passing, (by) => pass(new Date(clock.now().getTime() + msOf(clock.now(), by)))),
  );
  app.post("/_control/billing/next", (context) =>
    act(context, nothing, () => pass(actions.nextDue() ?? clock.now())),
  );
  app.post("/_control/test-clocks/:id/advance", (context) =>
    act(context, advancing, ({ to }) => actions.advanceClock(idIn(context), to)),
  );
  app.post("/_control/customers/:id/card", (context) =>
    act(context, storing, (how) => actions.storeCard(idIn(context), defined(how))),
  );
  app.post("/_control/payment-methods/:id/turn", (context) =>
    act(context, turning, ({ card }) => {
      actions.turnCard(idIn(context), card);
      return { card };
    }),
  );
  app.post("/_control/invoices/:id/pay", (context) =>
    act(context, paying, (how) => actions.payInvoice(idIn(context), defined(how))),
  );
  app.post("/_control/invoices/:id/authenticate", (context) =>
    act(context, proving, ({ how }) => actions.authenticateInvoice(idIn(context), how)),
  );
  app.post("/_control/payments/:id/fraud-warning", (context) =>
    act(context, warning, (how) => actions.warnOfFraud(idIn(context), defined(how))),
  );
  app.post("/_control/portal-configurations/:id/default", (context) =>
    act(context, nothing, () => {
      actions.makePortalDefault(idIn(context));
      return { id: idIn(context) };
    }),
  );
}
