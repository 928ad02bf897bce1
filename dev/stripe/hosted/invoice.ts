/** Serves an invoice's page, on which it can be paid, and its PDF; and where stored cards are proven. */
import type { Context, Hono } from "hono";
import type { Stripe } from "stripe";
import { intentFor } from "../billing/finalize.ts";
import { attempt, prove, type Attempt } from "../billing/collect.ts";
import { inTimeOf } from "../billing/time.ts";
import { createCard } from "../objects/payment-methods.ts";
import { shown } from "../objects/money.ts";
import { proveSetup } from "../payments/setup.ts";
import { readCard } from "../payments/test-cards.ts";
import { idOf } from "../reference.ts";
import { sweep } from "../sweep.ts";
import { onItsOwn, type World } from "../world.ts";
import { invoicePage } from "./invoice-page.ts";
import { invoicePdf } from "./invoice-pdf.ts";
import { proofPage } from "./authentication-page.ts";
import { closedPage } from "./shell.ts";

export function mountInvoices(app: Hono, world: World): void {
  app.get("/i/:id", (context) => {
    const invoice = invoiceIn(context, world);
    return invoice ? context.html(invoicePage(world, invoice, undefined)) : missingPage(context);
  });
  app.get("/i/:id/pdf", (context) => {
    const invoice = invoiceIn(context, world);
    if (!invoice) return missingPage(context);
    return context.body(invoicePdf(invoice), 200, {
      "content-type": "application/pdf",
      "content-disposition": `attachment; filename="Invoice-${invoice.number ?? invoice.id}.pdf"`,
    });
  });
  app.post("/i/:id", async (context) => {
    const invoice = invoiceIn(context, world);
    if (!invoice) return missingPage(context);
    const form = await context.req.parseBody();
    const number = typeof form["card"] === "string" ? form["card"] : "";
    return conclude(context, world, invoice, payInvoice(world, invoice, number));
  });
  app.get("/i/:id/authenticate", (context) => {
    const invoice = invoiceIn(context, world);
    if (!invoice) return missingPage(context);
    if (!world.challenges.has(intentFor(world, invoice)?.id ?? ""))
      return context.redirect(`/i/${invoice.id}`, 303);
    return context.html(proofPage(`pays ${shown(invoice.amount_due, invoice.currency)}`));
  });
  app.post("/i/:id/authenticate", async (context) => {
    const invoice = invoiceIn(context, world);
    if (!invoice) return missingPage(context);
    const form = await context.req.parseBody();
    const outcome = proveInvoice(world, invoice, form["action"] === "complete");
    return conclude(context, world, invoice, outcome);
  });
  mountSetups(app, world);
}

function mountSetups(app: Hono, world: World): void {
  app.get("/s/:id/authenticate", (context) => {
    const intent = world.billing.setupIntents.get(context.req.param("id"));
    if (intent?.status !== "requires_action") return missingPage(context);
    return context.html(proofPage("stores this card"));
  });
  app.post("/s/:id/authenticate", async (context) => {
    const intent = world.billing.setupIntents.get(context.req.param("id"));
    if (!intent) return missingPage(context);
    const form = await context.req.parseBody();
    const outcome = inTimeOf(world, idOf(intent.customer), () =>
      proveSetup(world, intent, form["action"] === "complete"),
    );
    if (outcome === undefined) return missingPage(context);
    const text = outcome === "stored" ? "The card is stored." : "The card could not be authenticated.";
    return context.html(closedPage("Done", text, null), outcome === "stored" ? 200 : 402);
  });
}

/** A card is entered on the page: used for this invoice, and not stored. */
export function payInvoice(
  world: World,
  invoice: Stripe.Invoice,
  number: string,
): Attempt | "closed" | "unusable" {
  if (invoice.status !== "open" && invoice.status !== "uncollectible") return "closed";
  const card = readCard(number);
  if (!("number" in card)) return "unusable";
  return inTimeOf(world, idOf(invoice.customer), () => {
    const method = createCard(world, card, { email: invoice.customer_email, name: invoice.customer_name });
    return attempt(world, onItsOwn, invoice, { method, automatic: false });
  });
}

export function proveInvoice(world: World, invoice: Stripe.Invoice, completes: boolean): Attempt | "closed" {
  return inTimeOf(world, idOf(invoice.customer), () => prove(world, invoice, completes)) ?? "closed";
}

function invoiceIn(context: Context, world: World): Stripe.Invoice | undefined {
  sweep(world);
  const invoice = world.billing.invoices.get(context.req.param("id") ?? "");
  return invoice?.hosted_invoice_url ? invoice : undefined;
}

function conclude(
  context: Context,
  world: World,
  invoice: Stripe.Invoice,
  outcome: Attempt | "closed" | "unusable",
): Response | Promise<Response> {
  if (outcome === "unusable")
    return context.html(invoicePage(world, invoice, "Your card number is incorrect."), 402);
  if (outcome === "closed") return context.redirect(`/i/${invoice.id}`, 303);
  switch (outcome.kind) {
    case "paid":
      return context.redirect(`/i/${invoice.id}`, 303);
    case "asks":
      return context.redirect(`/i/${invoice.id}/authenticate`, 303);
    case "declined":
      return context.html(invoicePage(world, invoice, outcome.decline.message), 402);
    case "no_method":
    case "proof_failed":
      return context.html(invoicePage(world, invoice, "Your card could not be authenticated."), 402);
  }
}

function missingPage(context: Context): Response | Promise<Response> {
  return context.html(closedPage("No such page", "The address may be incomplete.", null), 404);
}
