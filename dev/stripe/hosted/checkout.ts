/** Serves the hosted checkout page and takes what is sent from it. */
import type { Context, Hono } from "hono";
import type { Stripe } from "stripe";
import { isEmail } from "../customers/email.ts";
import { shown } from "../objects/money.ts";
import { authenticate } from "../payments/authenticate.ts";
import { paySession, type Means, type Outcome } from "../payments/checkout.ts";
import { DECLINED_NUMBER } from "../payments/test-cards.ts";
import { sweep } from "../sweep.ts";
import type { World } from "../world.ts";
import { authenticationPage } from "./authentication-page.ts";
import { checkoutPage } from "./checkout-page.ts";
import { closedPage } from "./shell.ts";
import { idOf } from "../reference.ts";

export function mountCheckout(app: Hono, world: World): void {
  app.get("/c/pay/:id", (context) => {
    sweep(world);
    const session = world.sessions.get(context.req.param("id"));
    if (!session) return missingPage(context);
    if (session.status !== "open") return ended(context, session);
    return show(context, world, session, {});
  });

  app.get("/c/pay/:id/authenticate", (context) => {
    sweep(world);
    const session = world.sessions.get(context.req.param("id"));
    if (!session) return missingPage(context);
    if (session.status !== "open") return ended(context, session);
    if (!isChallenged(world, session)) return context.redirect(payAddress(session), 303);
    return context.html(authenticationPage(session));
  });

  app.post("/c/pay/:id/authenticate", async (context) => {
    sweep(world);
    const session = world.sessions.get(context.req.param("id"));
    if (!session) return missingPage(context);
    const form = await context.req.parseBody();
    const outcome = authenticate(world, session, form["action"] === "complete");
    if (!outcome) return context.redirect(payAddress(session), 303);
    return conclude(context, world, session, outcome, "");
  });

  app.get("/c/transfer/:id", (context) => transfer(context, world));

  app.get("/receipts/:id", (context) => receipt(context, world));

  app.post("/c/pay/:id", async (context) => {
    sweep(world);
    const session = world.sessions.get(context.req.param("id"));
    if (!session) return missingPage(context);
    const form = await context.req.parseBody();
    const email = textIn(form["email"]).trim();
    const known = session.customer_details?.email ?? null;
    const declines = form["action"] === "decline";
    if (session.status === "open" && known === null && !declines && !isEmail(email)) {
      return show(context, world, session, {
        email,
        problem: "Please enter your email address.",
        status: 422,
      });
    }
    const means: Means = declines ? { kind: "card", number: DECLINED_NUMBER } : meansIn(form);
    const outcome = paySession(world, session, { means, email: email === "" ? undefined : email });
    return conclude(context, world, session, outcome, email);
  });
}

/** What `receipt_url` of a charge leads to. */
function receipt(context: Context, world: World): Response | Promise<Response> {
  const charge = world.charges.get(context.req.param("id") ?? "");
  if (!charge || charge.status !== "succeeded") return missingPage(context);
  const paid = shown(charge.amount, charge.currency);
  const refunded =
    charge.amount_refunded === 0 ? "" : ` ${shown(charge.amount_refunded, charge.currency)} was refunded.`;
  const when = new Date(charge.created * 1000).toISOString().slice(0, 10);
  return context.html(closedPage(`Receipt for ${paid}`, `Paid on ${when}.${refunded}`, null));
}

/** Where the customer reads to which account the money is to be sent. */
function transfer(context: Context, world: World): Response | Promise<Response> {
  const session = world.sessions.get(context.req.param("id") ?? "");
  const intent = world.paymentIntents.get(idOf(session?.payment_intent));
  if (intent?.next_action?.type !== "display_bank_transfer_instructions") return missingPage(context);
  const amount = shown(intent.amount, intent.currency);
  return context.html(
    closedPage(`Send ${amount}`, "A test transfer arrives when the control page says so.", null),
  );
}

function isChallenged(world: World, session: Stripe.Checkout.Session): boolean {
  const setup = world.billing.setupIntents.get(idOf(session.setup_intent));
  return (
    world.challenges.has(idOf(session.payment_intent)) ||
    world.challenges.has(session.id) ||
    setup?.status === "requires_action"
  );
}

function payAddress(session: Stripe.Checkout.Session): string {
  return `/c/pay/${session.id}`;
}

function conclude(
  context: Context,
  world: World,
  session: Stripe.Checkout.Session,
  outcome: Outcome,
  email: string,
): Response | Promise<Response> {
  switch (outcome.kind) {
    case "paid":
    case "processing":
      return toShop(context, session);
    case "requires_action":
      return context.redirect(`${payAddress(session)}/authenticate`, 303);
    case "declined":
      return show(context, world, session, { email, problem: outcome.message, status: 402 });
    case "closed":
      // A second press of the button: the first one has paid, so the customer goes where the first one led.
      return outcome.status === "complete" ? toShop(context, session) : ended(context, session);
  }
}

function toShop(context: Context, session: Stripe.Checkout.Session): Response {
  return context.redirect(returnAddress(session), 303);
}

function returnAddress(session: Stripe.Checkout.Session): string {
  return (session.success_url ?? "/").replaceAll("{CHECKOUT_SESSION_ID}", session.id);
}

type Told = { readonly email?: string; readonly problem?: string; readonly status?: 200 | 402 | 422 };

function show(
  context: Context,
  world: World,
  session: Stripe.Checkout.Session,
  { email = "", problem, status = 200 }: Told,
): Response | Promise<Response> {
  const items = world.insides.get(session.id)?.lineItems ?? [];
  return context.html(checkoutPage({ session, items, problem, email }), status);
}

function ended(context: Context, session: Stripe.Checkout.Session): Response | Promise<Response> {
  if (session.status === "complete") {
    return context.html(
      closedPage("This payment is complete", "There is nothing more to do here.", returnAddress(session)),
    );
  }
  return context.html(
    closedPage(
      "This payment page has expired",
      "Nothing was charged. Go back to the shop and start again.",
      session.cancel_url,
    ),
    410,
  );
}

function missingPage(context: Context): Response | Promise<Response> {
  return context.html(closedPage("No such payment page", "The address may be incomplete.", null), 404);
}

function meansIn(form: Readonly<Record<string, unknown>>): Means {
  const means = form["means"];
  if (means === "bank_debit" || means === "bank_transfer" || means === "crypto") return { kind: means };
  return { kind: "card", number: textIn(form["card"]) };
}

function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}
