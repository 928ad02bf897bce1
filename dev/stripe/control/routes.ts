/** The control routes, `/_control/…` in JSON and `/_control` for people: what a test or a developer does to Stripe. */
import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Faults } from "../../wire/faults.ts";
import type { Gate } from "../protocol/gate.ts";
import type { Actions, Paid } from "../stand-in.ts";
import type { Webhooks } from "../webhooks/deliver.ts";
import type { World } from "../world.ts";
import { controlPage } from "./page.ts";

export type Controlled = {
  readonly world: World;
  readonly actions: Actions;
  readonly webhooks: Webhooks;
  readonly faults: Faults;
  readonly gate: Gate;
};

const paying = z.strictObject({
  card: z.string().optional(),
  bankDebit: z.boolean().optional(),
  email: z.string().optional(),
  name: z.string().optional(),
});
const declining = z.strictObject({ card: z.string().optional() });
const settling = z.strictObject({ how: z.enum(["succeeds", "fails"]) });
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

export function mountControl(app: Hono, controlled: Controlled): void {
  const { world, actions, webhooks, gate } = controlled;

  app.get("/_control", (context) => context.html(controlPage(controlled)));
  app.get("/_control/", (context) => context.redirect("/_control"));

  app.post("/_control/sessions/:id/pay", (context) =>
    act(context, paying, (how) => told(actions.pay(idIn(context), defined(how)))),
  );
  app.post("/_control/sessions/:id/decline", (context) =>
    act(context, declining, (how) => told(actions.decline(idIn(context), defined(how)))),
  );
  app.post("/_control/sessions/:id/pay-again", (context) =>
    act(context, paying, (how) => told(actions.payAgain(idIn(context), defined(how)))),
  );
  app.post("/_control/sessions/:id/settle-debit", (context) =>
    act(context, settling, ({ how }) => actions.settleDebit(idIn(context), how)),
  );
  app.post("/_control/sessions/:id/expire", (context) =>
    act(context, z.strictObject({}), () => actions.expire(idIn(context))),
  );

  app.get("/_control/deliveries", (context) => context.json(webhooks.deliveries));
  app.get("/_control/webhooks", (context) =>
    context.json({ holding: webhooks.holding, disorder: webhooks.disorder }),
  );
  app.post("/_control/webhooks/endpoints", (context) =>
    act(context, listening, (endpoint) => ({ id: actions.listen(defined(endpoint)) })),
  );
  app.post("/_control/webhooks/hold", (context) =>
    act(context, z.strictObject({}), () => {
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
  app.post("/_control/webhooks/disturb", (context) =>
    act(context, disturbing, (disorder) => {
      webhooks.disturb(defined(disorder));
      return webhooks.disorder;
    }),
  );
  app.post("/_control/webhooks/calm", (context) =>
    act(context, z.strictObject({}), () => {
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

  app.post("/_control/gate/shut", (context) =>
    act(context, z.strictObject({}), () => {
      gate.shut();
      return { shut: true };
    }),
  );
  app.post("/_control/gate/open", (context) =>
    act(context, z.strictObject({}), () => {
      gate.open();
      return { shut: false };
    }),
  );
  app.get("/_control/check", (context) => context.json(actions.check()));
  app.get("/_control/state", (context) =>
    context.json({
      sessions: world.sessions.newestFirst(),
      payment_intents: world.paymentIntents.newestFirst(),
      charges: world.charges.newestFirst(),
      refunds: world.refunds.newestFirst(),
      events: world.events.newestFirst(),
    }),
  );
  app.post("/_control/page/faults", (context) => planFromPage(context, controlled.faults));
}

/** Reads the body, does the thing, and answers JSON, or sends a person back to the page the form was on. */
async function act<T>(context: Context, schema: z.ZodType<T>, run: (given: T) => object): Promise<Response> {
  const fromPage =
    context.req.header("content-type")?.startsWith("application/x-www-form-urlencoded") ?? false;
  const parsed = schema.safeParse(fromPage ? await formIn(context) : await jsonIn(context));
  if (!parsed.success) return context.json({ error: z.prettifyError(parsed.error) }, 400);
  try {
    const result = run(parsed.data);
    return fromPage ? context.redirect("/_control", 303) : context.json(result);
  } catch (error) {
    return context.json({ error: error instanceof Error ? error.message : String(error) }, 409);
  }
}

async function jsonIn(context: Context): Promise<unknown> {
  const text = await context.req.text();
  if (text === "") return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A form says `true` and `3` in words. */
async function formIn(context: Context): Promise<Record<string, unknown>> {
  const form = await context.req.parseBody();
  const read = (value: unknown): unknown => {
    if (value === "true" || value === "false") return value === "true";
    return typeof value === "string" && /^\d{1,6}$/.test(value) ? Number(value) : value;
  };
  return Object.fromEntries(
    Object.entries(form).map(([name, value]): [string, unknown] => [name, read(value)]),
  );
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

function told({ outcome, session }: Paid): object {
  return { outcome, session };
}

function idIn(context: Context): string {
  return context.req.param("id") ?? "";
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the keys that hold undefined, which optional properties here do not admit. */
function defined<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
}
