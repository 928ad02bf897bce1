/** Stripe's own pages for a customer: the portal, and his invoices. */
import type { App } from "../app.ts";
import type { InvoicePage } from "../stripe/billing-port.ts";
import { readStanding } from "./show.ts";

type Ports = Pick<App, "db" | "billing" | "clock" | "env">;

/** `no_customer`: nothing was ever bought. @throws Unavailable */
export async function openPortal(
  app: Ports,
  sessionId: string,
  returnUrl: string,
): Promise<
  { readonly kind: "opened"; readonly url: string } | { readonly kind: "unauthorised" | "no_customer" }
> {
  const standing = await readStanding(app, sessionId);
  if (!standing) return { kind: "unauthorised" };
  if (standing.customer === null) return { kind: "no_customer" };
  return { kind: "opened", url: await app.billing.openPortal(standing.customer, returnUrl) };
}

/** The newest first, after the invoice `after`. Who has bought nothing has none. @throws Unavailable */
export async function listInvoices(
  app: Ports,
  sessionId: string,
  after: string | undefined,
): Promise<InvoicePage | { readonly kind: "unauthorised" }> {
  const standing = await readStanding(app, sessionId);
  if (!standing) return { kind: "unauthorised" };
  if (standing.customer === null) return { kind: "read", invoices: [], next: null };
  return await app.billing.listInvoices(standing.customer, after);
}
