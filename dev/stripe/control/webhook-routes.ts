/** `/_control/webhooks/…`, `/_control/events/…`: how events reach their endpoints, well or badly. */
import type { Hono } from "hono";
import { z } from "zod";
import type { Actions } from "../stand-in.ts";
import type { Webhooks } from "../webhooks/deliver.ts";
import { act, defined, idIn, nothing } from "./act.ts";

const releasing = z.strictObject({ reverse: z.boolean().optional() });
const resending = z.strictObject({
  asNewEvent: z.boolean().optional(),
  times: z.int().min(1).max(100).optional(),
});
const listening = z.strictObject({
  url: z.url(),
  secret: z.string().min(1),
  events: z.array(z.string()).min(1).optional(),
});
const disturbing = z.strictObject({
  duplicates: z.int().min(0).max(100).optional(),
  reorder: z.boolean().optional(),
  delayMs: z.int().min(0).max(120_000).optional(),
  lose: z.int().min(0).optional(),
  concurrent: z.boolean().optional(),
  types: z.array(z.string()).nullable().optional(),
});

export function mountWebhookRoutes(app: Hono, actions: Actions, webhooks: Webhooks): void {
  app.get("/_control/deliveries", (context) => context.json(webhooks.deliveries));
  app.get("/_control/webhooks", (context) =>
    context.json({ holding: webhooks.holding, disorder: webhooks.disorder }),
  );
  app.post("/_control/webhooks/endpoints", (context) =>
    act(context, listening, (endpoint) => ({ id: actions.listen(defined(endpoint)) })),
  );
  app.post("/_control/webhooks/hold", (context) =>
    act(context, nothing, () => {
      webhooks.hold();
      return { holding: true };
    }),
  );
  app.post("/_control/webhooks/release", (context) =>
    act(context, releasing, (how) => {
      webhooks.release(defined(how));
      return { holding: false };
    }),
  );
  app.post("/_control/webhooks/discard", (context) =>
    act(context, nothing, () => {
      webhooks.discard();
      return { holding: webhooks.holding };
    }),
  );
  app.post("/_control/webhooks/disturb", (context) =>
    act(context, disturbing, (disorder) => {
      webhooks.disturb(defined(disorder));
      return webhooks.disorder;
    }),
  );
  app.post("/_control/webhooks/calm", (context) =>
    act(context, nothing, () => {
      webhooks.calm();
      return webhooks.disorder;
    }),
  );
  app.post("/_control/webhooks/flush", async (context) => {
    await webhooks.flush();
    return context.json(webhooks.deliveries);
  });
  app.post("/_control/events/:id/resend", (context) =>
    act(context, resending, (how) => {
      const event = webhooks.resend(idIn(context), defined(how));
      if (!event) throw new Error(`No such event: ${idIn(context)}`);
      return event;
    }),
  );
}
