/** `/_control/sessions/…`: what a customer and their bank do about a Checkout Session. */
import type { Hono } from "hono";
import { z } from "zod";
import type { Paid } from "../actions/checkout.ts";
import type { Actions } from "../stand-in.ts";
import { act, defined, idIn, nothing } from "./act.ts";

const paying = z.strictObject({
  card: z.string().optional(),
  bankDebit: z.boolean().optional(),
  bankTransfer: z.boolean().optional(),
  crypto: z.boolean().optional(),
  email: z.string().optional(),
  name: z.string().optional(),
});
const declining = z.strictObject({ card: z.string().optional() });
const authenticating = z.strictObject({ how: z.enum(["completes", "fails"]) });
const settling = z.strictObject({ how: z.enum(["succeeds", "fails"]) });
const arriving = z.strictObject({ how: z.enum(["arrives", "never_arrives"]) });

export function mountSessionRoutes(app: Hono, actions: Actions): void {
  app.post("/_control/sessions/:id/pay", (context) =>
    act(context, paying, (how) => told(actions.pay(idIn(context), defined(how)))),
  );
  app.post("/_control/sessions/:id/decline", (context) =>
    act(context, declining, (how) => told(actions.decline(idIn(context), defined(how)))),
  );
  app.post("/_control/sessions/:id/authenticate", (context) =>
    act(context, authenticating, ({ how }) => told(actions.authenticate(idIn(context), how))),
  );
  app.post("/_control/sessions/:id/pay-again", (context) =>
    act(context, paying, (how) => told(actions.payAgain(idIn(context), defined(how)))),
  );
  app.post("/_control/sessions/:id/settle-debit", (context) =>
    act(context, settling, ({ how }) => actions.settleDebit(idIn(context), how)),
  );
  app.post("/_control/sessions/:id/settle-transfer", (context) =>
    act(context, arriving, ({ how }) => actions.settleTransfer(idIn(context), how)),
  );
  app.post("/_control/sessions/:id/expire", (context) =>
    act(context, nothing, () => actions.expire(idIn(context))),
  );
}

function told({ outcome, session }: Paid): object {
  return { outcome, session };
}
