/** `/_control/…`: what happens to a payment afterwards, without the API. */
import type { Hono } from "hono";
import { z } from "zod";
import type { Actions } from "../stand-in.ts";
import { act, defined, idIn, nothing } from "./act.ts";

const refunding = z.strictObject({
  amount: z.int().min(1).optional(),
  reason: z.enum(["duplicate", "fraudulent", "requested_by_customer"]).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});
const failing = z.strictObject({
  reason: z.enum(["declined", "expired_or_canceled_card", "lost_or_stolen_card", "unknown"]).optional(),
});
const disputing = z.strictObject({
  amount: z.int().min(1).optional(),
  status: z.enum(["needs_response", "warning_needs_response"]).optional(),
  reason: z
    .enum([
      "credit_not_processed",
      "duplicate",
      "fraudulent",
      "general",
      "product_not_received",
      "product_unacceptable",
      "unrecognized",
    ])
    .optional(),
});
const deciding = z.strictObject({ decision: z.enum(["won", "lost", "warning_closed", "prevented"]) });
const payingOut = z.strictObject({ currency: z.string().optional() });
const arriving = z.strictObject({ how: z.enum(["arrives", "fails"]) });

export function mountPaymentRoutes(app: Hono, actions: Actions): void {
  app.post("/_control/payments/:id/refund", (context) =>
    act(context, refunding, (how) => actions.refund(idIn(context), defined(how))),
  );
  app.post("/_control/payments/:id/dispute", (context) =>
    act(context, disputing, (how) => actions.openDispute(idIn(context), defined(how))),
  );
  app.post("/_control/refunds/:id/succeed", (context) =>
    act(context, nothing, () => actions.succeedRefund(idIn(context))),
  );
  app.post("/_control/refunds/:id/fail", (context) =>
    act(context, failing, ({ reason }) => actions.failRefund(idIn(context), reason)),
  );
  app.post("/_control/refunds/:id/cancel", (context) =>
    act(context, nothing, () => actions.cancelRefund(idIn(context))),
  );
  app.post("/_control/disputes/:id/escalate", (context) =>
    act(context, nothing, () => actions.escalateDispute(idIn(context))),
  );
  app.post("/_control/disputes/:id/decide", (context) =>
    act(context, deciding, ({ decision }) => actions.decideDispute(idIn(context), decision)),
  );
  app.post("/_control/payouts", (context) => act(context, payingOut, (how) => actions.payOut(defined(how))));
  app.post("/_control/payouts/:id/settle", (context) =>
    act(context, arriving, ({ how }) => actions.settlePayout(idIn(context), how)),
  );
}
