/** Serves the billing portal's page and does what is sent from it. */
import type { Context, Hono } from "hono";
import type { Stripe } from "stripe";
import { Refusal } from "../protocol/errors.ts";
import { idOf } from "../reference.ts";
import {
  cancel,
  changePlan,
  isOver,
  keep,
  makeDefault,
  proveCard,
  storeCard,
  type CardOutcome,
} from "../portal/act.ts";
import { dropMethod } from "../objects/payment-methods.ts";
import { sweep } from "../sweep.ts";
import { onItsOwn, type World } from "../world.ts";
import { portalPage, portalProofPage } from "./portal-page.ts";
import { closedPage } from "./shell.ts";

type Session = Stripe.BillingPortal.Session;

export function mountPortal(app: Hono, world: World): void {
  app.get("/p/session/:id", (context) => {
    const session = sessionIn(context, world);
    return session ? context.html(portalPage(world, session, undefined)) : gone(context);
  });
  app.post("/p/session/:id", async (context) => {
    const session = sessionIn(context, world);
    if (!session) return gone(context);
    const form = await context.req.parseBody();
    const field = (name: string): string => {
      const value = form[name];
      return typeof value === "string" ? value : "";
    };
    try {
      return await conclude(context, session, field, world, act(world, session, field));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return context.html(portalPage(world, session, message), error instanceof Refusal ? 402 : 409);
    }
  });
}

function sessionIn(context: Context, world: World): Session | undefined {
  sweep(world);
  const session = world.billing.portalSessions.get(context.req.param("id") ?? "");
  return session && world.customers.get(session.customer) && !isOver(world, session) ? session : undefined;
}

function gone(context: Context): Response | Promise<Response> {
  return context.html(
    closedPage("This portal session has ended", "Go back and open the portal again.", null),
    410,
  );
}

type Field = (name: string) => string;

/** @returns what came of a card, undefined for all else. @throws Error when the portal does not allow it. */
function act(world: World, session: Session, field: Field): CardOutcome | undefined {
  const subscription = field("subscription");
  switch (field("action")) {
    case "card":
      return storeCard(world, session, field("card"), subscription);
    case "prove":
      return proveCard(world, session, field("setup_intent"), field("proof") === "complete", subscription);
    case "default":
      makeDefault(world, session, field("method"), subscription);
      return undefined;
    case "detach":
      detach(world, session, field("method"));
      return undefined;
    case "plan":
      changePlan(world, session, subscription, field("price"));
      return undefined;
    case "cancel":
      cancel(world, session, subscription, { feedback: field("feedback"), comment: field("comment") });
      return undefined;
    case "keep":
      keep(world, session, subscription);
      return undefined;
    default:
      throw new Error("Nothing was asked for");
  }
}

function detach(world: World, session: Session, id: string): void {
  const method = world.paymentMethods.get(id);
  if (method?.customer !== session.customer) throw new Error(`No such card here: ${id}`);
  dropMethod(world, onItsOwn, method);
}

function conclude(
  context: Context,
  session: Session,
  field: Field,
  world: World,
  outcome: CardOutcome | undefined,
): Response | Promise<Response> {
  if (outcome?.kind === "asks") {
    return context.html(portalProofPage(session, outcome.setupIntent, field("subscription")));
  }
  if (outcome?.kind === "declined") return context.html(portalPage(world, session, outcome.message), 402);
  const { flow } = session;
  const after = flow?.after_completion;
  if (after?.type === "redirect" && after.redirect) return context.redirect(after.redirect.return_url, 303);
  if (after?.type === "hosted_confirmation") {
    const text = after.hosted_confirmation?.custom_message ?? "It is done.";
    return context.html(closedPage("Done", text, session.return_url));
  }
  return context.redirect(`/p/session/${idOf(session)}`, 303);
}
