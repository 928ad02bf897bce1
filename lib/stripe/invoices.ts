/** An invoice at Stripe: paid with a card that its customer has put in, or void. */
import type StripeSdk from "stripe";
import { expectMade, expectObject } from "./answers.ts";
import type { Line } from "./client.ts";
import { found } from "./read-history.ts";
import type { InvoicePayment, PayOutcome } from "./port.ts";

/** Asked with the card alone: its holder isn't there, so a bank that wants to hear from him refuses. */
export async function payInvoice(
  sdk: StripeSdk,
  { invoiceId, paymentMethod, key }: InvoicePayment,
  onTrip: () => void,
): Promise<PayOutcome> {
  const { default: Sdk } = await import("stripe");
  onTrip();
  try {
    const invoice = await sdk.invoices.pay(
      invoiceId,
      { payment_method: paymentMethod, off_session: true },
      { idempotencyKey: key },
    );
    expectObject(invoice, "invoice");
    return invoice.status === "paid" ? { kind: "paid" } : { kind: "refused", reason: stateOf(invoice) };
  } catch (error) {
    if (error instanceof Sdk.errors.StripeCardError) return { kind: "refused", reason: error.message };
    if (!(error instanceof Sdk.errors.StripeInvalidRequestError)) throw error;
    // What is paid can't be paid again, which is refused in words alone: the invoice itself says what it is.
    onTrip();
    const invoice = await found(() => sdk.invoices.retrieve(invoiceId));
    if (invoice === null) return { kind: "refused", reason: error.message };
    expectObject(invoice, "invoice");
    return invoice.status === "paid" ? { kind: "paid" } : { kind: "refused", reason: error.message };
  }
}

export async function voidInvoice({ sdk, onTrip }: Line, id: string): Promise<void> {
  const { default: Sdk } = await import("stripe");
  onTrip();
  try {
    expectMade(await sdk.invoices.voidInvoice(id), "invoice");
  } catch (error) {
    if (!(error instanceof Sdk.errors.StripeInvalidRequestError)) throw error;
    onTrip();
    const invoice = await found(() => sdk.invoices.retrieve(id));
    if (invoice?.status === "open") throw error;
  }
}

function stateOf({ status }: StripeSdk.Invoice): string {
  return `the invoice is ${status ?? "of no status"}`;
}
