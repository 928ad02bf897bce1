/** Stripe's own pages for a customer: the portal, his invoices; and what comes next. */
import type StripeSdk from "stripe";
import { SECOND_MS } from "../clock.ts";
import { expectMade, expectObject, isoOf } from "./answers.ts";
import type { InvoicePage, InvoiceShown } from "./billing-port.ts";
import type { Line } from "./client.ts";
import { found } from "./read-history.ts";

const perPage = 20;
/** What is only shown is not waited for long. */
const short = { timeout: 3 * SECOND_MS, maxNetworkRetries: 0 };
const none: ReadonlySet<string | undefined> = new Set(["invoice_upcoming_none", "resource_missing"]);
/** Its own settings, told by this: cards and invoices alone. Plans change here, where the rules are. */
const portalOf = { cascade: "portal" };

export async function openPortal(
  { sdk, onTrip }: Line,
  customer: string,
  returnUrl: string,
): Promise<string> {
  const configuration = await portalConfiguration({ sdk, onTrip });
  onTrip();
  const session = await sdk.billingPortal.sessions.create({
    customer,
    configuration,
    return_url: returnUrl,
  });
  expectMade(session, "billing_portal.session");
  return session.url;
}

async function portalConfiguration({ sdk, onTrip }: Line): Promise<string> {
  onTrip();
  const known = await sdk.billingPortal.configurations.list({ active: true, limit: 100 });
  expectObject(known, "list");
  const ours = known.data.find(({ metadata }) => metadata?.["cascade"] === portalOf.cascade);
  if (ours) return ours.id;
  onTrip();
  const made = await sdk.billingPortal.configurations.create(
    {
      features: { payment_method_update: { enabled: true }, invoice_history: { enabled: true } },
      metadata: portalOf,
    },
    { idempotencyKey: "cascade-portal" },
  );
  expectMade(made, "billing_portal.configuration");
  return made.id;
}

export async function listInvoices(
  { sdk, onTrip }: Line,
  customer: string,
  after: string | undefined,
): Promise<InvoicePage> {
  const { default: Sdk } = await import("stripe");
  onTrip();
  try {
    const page = await sdk.invoices.list({
      customer,
      limit: perPage,
      ...(after === undefined ? {} : { starting_after: after }),
    });
    expectObject(page, "list");
    const last = page.data.at(-1)?.id ?? null;
    return { kind: "read", invoices: page.data.map(invoiceShown), next: page.has_more ? last : null };
  } catch (error) {
    if (error instanceof Sdk.errors.StripeInvalidRequestError && error.param === "starting_after")
      return { kind: "bad_cursor" };
    throw error;
  }
}

function invoiceShown(invoice: StripeSdk.Invoice): InvoiceShown {
  // The period that was bought: the invoice's own is the one before, in which items gathered.
  const period = invoice.lines.data.at(-1)?.period;
  return {
    id: invoice.id,
    number: invoice.number,
    status: invoice.status ?? "draft",
    totalCents: invoice.total,
    dueCents: invoice.amount_due,
    paidCents: invoice.amount_paid,
    createdAt: isoOf(invoice.created),
    periodStart: isoOf(period?.start ?? invoice.period_start),
    periodEnd: isoOf(period?.end ?? invoice.period_end),
    pageUrl: invoice.hosted_invoice_url ?? null,
    pdfUrl: invoice.invoice_pdf ?? null,
  };
}

export async function invoicePage({ sdk, onTrip }: Line, id: string): Promise<string | null> {
  onTrip();
  const invoice = await found(() => sdk.invoices.retrieve(id, {}, short));
  if (invoice === null) return null;
  expectObject(invoice, "invoice");
  return invoice.status === "open" ? (invoice.hosted_invoice_url ?? null) : null;
}

export async function nextInvoice(
  { sdk, onTrip }: Line,
  subscription: string,
): Promise<{ readonly dueCents: number; readonly at: string } | null> {
  const { default: Sdk } = await import("stripe");
  onTrip();
  try {
    const preview = await sdk.invoices.createPreview({ subscription }, short);
    expectObject(preview, "invoice");
    return { dueCents: preview.amount_due, at: isoOf(preview.period_end) };
  } catch (error) {
    // None comes, or Stripe doesn't have the subscription.
    const isNone = error instanceof Sdk.errors.StripeInvalidRequestError && none.has(error.code);
    if (isNone) return null;
    throw error;
  }
}
