/** An invoice's way: from a draft to open, and from there to paid, void or uncollectible. */
import type { Stripe } from "stripe";
import { cancelIntent } from "../payments/cancel.ts";
import { newIntent } from "../payments/intent.ts";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";
import { changeInvoice } from "./announce.ts";
import { moveBalance } from "./balance.ts";
import { customerOf, reckon } from "./invoice.ts";

const waiting: readonly string[] = ["requires_payment_method", "requires_action", "requires_confirmation"];

/** From here on its lines and amounts stand. One that asks for nothing is paid at once. */
export function finalize(world: World, cause: Cause, invoice: Stripe.Invoice): void {
  const customer = customerOf(world, invoice);
  reckon(invoice, customer);
  const taken = invoice.total - invoice.amount_due;
  const tooSmall = invoice.total + customer.balance > 0 && invoice.amount_due === 0 && invoice.total > 0;
  invoice.number = `${customer.invoice_prefix ?? ""}-${String(customer.next_invoice_sequence ?? 1).padStart(4, "0")}`;
  customer.next_invoice_sequence = (customer.next_invoice_sequence ?? 1) + 1;
  // What the invoice's total leaves beyond the amount due is credit or debt that the customer keeps.
  if (taken !== 0) {
    moveBalance(world, cause, customer, {
      amount: taken,
      type: tooSmall ? "invoice_too_small" : "applied_to_invoice",
      currency: invoice.currency,
      invoice: invoice.id,
    });
  }
  invoice.ending_balance = customer.balance;
  invoice.status = "open";
  invoice.automatically_finalizes_at = null;
  invoice.effective_at = world.seconds();
  invoice.status_transitions.finalized_at = world.seconds();
  invoice.hosted_invoice_url = `${world.url()}/i/${invoice.id}`;
  invoice.invoice_pdf = `${world.url()}/i/${invoice.id}/pdf`;
  world.emit(cause, "invoice.finalized", invoice);
  if (invoice.amount_due === 0) {
    markPaid(world, cause, invoice);
    return;
  }
  expectPayment(world, invoice);
}

/** The PaymentIntent that is to pay it. */
function expectPayment(world: World, invoice: Stripe.Invoice): void {
  const intent = newIntent(world, {
    amount: invoice.amount_due,
    currency: invoice.currency,
    customer: idOf(invoice.customer),
    description:
      invoice.billing_reason === "subscription_create" ? "Subscription creation" : "Subscription update",
    metadata: {},
    allowed: null,
    methods: ["card"],
    receiptEmail: null,
    statementDescriptor: null,
    statementDescriptorSuffix: null,
    later: invoice.billing_reason === "subscription_create" ? "off_session" : null,
  });
  world.billing.invoicePayments.add({
    id: world.id("inpay_1", 23),
    object: "invoice_payment",
    amount_paid: null,
    amount_requested: invoice.amount_due,
    created: world.seconds(),
    currency: invoice.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: false,
    payment: { payment_intent: intent.id, type: "payment_intent" },
    status: "open",
    status_transitions: { canceled_at: null, paid_at: null },
  });
}

export function paymentOf(world: World, invoice: { id: string }): Stripe.InvoicePayment | undefined {
  return world.billing.invoicePayments
    .newestFirst()
    .find((each) => each.invoice === invoice.id && each.is_default);
}

export function intentFor(world: World, invoice: { id: string }): Stripe.PaymentIntent | undefined {
  return world.paymentIntents.get(idOf(paymentOf(world, invoice)?.payment.payment_intent));
}

export function markPaid(world: World, cause: Cause, invoice: Stripe.Invoice, outOfBand = false): void {
  const payment = paymentOf(world, invoice);
  changeInvoice(world, cause, invoice, () => {
    invoice.status = "paid";
    invoice.attempted = true;
    invoice.amount_paid = invoice.amount_due;
    invoice.amount_remaining = 0;
    if (outOfBand) invoice.amount_paid_off_stripe = invoice.amount_due;
    invoice.auto_advance = false;
    invoice.next_payment_attempt = null;
    invoice.status_transitions.paid_at = world.seconds();
  });
  world.emit(cause, "invoice.paid", invoice);
  world.emit(cause, "invoice.payment_succeeded", invoice);
  if (!payment) return;
  if (outOfBand) {
    endPayment(world, cause, invoice);
    return;
  }
  payment.status = "paid";
  payment.amount_paid = payment.amount_requested;
  payment.status_transitions.paid_at = world.seconds();
  world.emit(cause, "invoice_payment.paid", payment);
}

export function voidInvoice(world: World, cause: Cause, invoice: Stripe.Invoice): void {
  const applied = (invoice.ending_balance ?? invoice.starting_balance) - invoice.starting_balance;
  changeInvoice(world, cause, invoice, () => {
    invoice.status = "void";
    invoice.auto_advance = false;
    invoice.automatically_finalizes_at = null;
    invoice.next_payment_attempt = null;
    invoice.status_transitions.voided_at = world.seconds();
  });
  endPayment(world, cause, invoice);
  // What the balance gave or took for it is given back.
  if (applied !== 0) {
    moveBalance(world, cause, customerOf(world, invoice), {
      amount: -applied,
      type: "unapplied_from_invoice",
      currency: invoice.currency,
      invoice: invoice.id,
    });
  }
  world.emit(cause, "invoice.voided", invoice);
}

export function markUncollectible(world: World, cause: Cause, invoice: Stripe.Invoice): void {
  changeInvoice(world, cause, invoice, () => {
    invoice.status = "uncollectible";
    invoice.auto_advance = false;
    invoice.next_payment_attempt = null;
    invoice.status_transitions.marked_uncollectible_at = world.seconds();
  });
  world.emit(cause, "invoice.marked_uncollectible", invoice);
}

function endPayment(world: World, cause: Cause, invoice: Stripe.Invoice): void {
  const payment = paymentOf(world, invoice);
  const intent = intentFor(world, invoice);
  if (payment?.status === "open") {
    payment.status = "canceled";
    payment.status_transitions.canceled_at = world.seconds();
  }
  if (intent && waiting.includes(intent.status)) {
    cancelIntent(world, cause, intent, "void_invoice");
  }
}
