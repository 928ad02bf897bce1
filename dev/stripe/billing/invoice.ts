/** Makes a subscription's invoice, as a draft: what waited to be billed and what is billed in advance. */
import type { Stripe } from "stripe";
import { leastOf } from "../objects/money.ts";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";
import { changeCustomer } from "./announce.ts";
import { endDiscounts, reductionOf, type Reduction } from "./discounts.ts";
import { chargedLine, pendingLine, type Charged } from "./lines.ts";

export type Bill = {
  /** Known beforehand when the subscription has been told of with it. */
  readonly id?: string;
  readonly subscription: Stripe.Subscription;
  readonly reason: Stripe.Invoice.BillingReason;
  readonly charged: readonly Charged[];
  /** During which pending items were gathered; the service periods are on the lines. */
  readonly period: { readonly start: number; readonly end: number };
  /** When the draft becomes an invoice by itself; null when it does not. */
  readonly finalizesAt: number | null;
  /** Whether it goes on by itself without that: should it not be paid at once, it is tried again. */
  readonly retries?: boolean;
};

/** Pending items of a subscription, newest first. */
export function pendingOf(world: World, subscription: Stripe.Subscription): Stripe.InvoiceItem[] {
  return world.billing.invoiceItems
    .newestFirst()
    .filter(({ invoice }) => invoice === null)
    .filter(({ parent }) => parent?.subscription_details?.subscription === subscription.id);
}

export function draftInvoice(world: World, cause: Cause, bill: Bill): Stripe.Invoice {
  const { subscription, charged } = bill;
  const customer = customerOf(world, subscription);
  const { id = world.id("in_1", 23) } = bill;
  const pending = pendingOf(world, subscription);
  const chargedLines = charged.map((each) => chargedLine(world, id, each));
  const reduction = reductionOf(
    world,
    subscription,
    chargedLines.map(({ amount }) => amount),
  );
  if (reduction) reduce(chargedLines, reduction);
  const pendingLines = pending.map((each) => pendingLine(world, id, each, priceOf(world, each)));
  for (const each of pending) each.invoice = id;
  const invoice = newInvoice(world, id, customer, bill, [...pendingLines, ...chargedLines], reduction);
  world.billing.invoices.add(invoice);
  chargedLines.forEach((line, index) => {
    const each = charged[index];
    if (each) remember(world, each, line, reduction?.shares[index] ?? 0);
  });
  billPending(world, pendingLines);
  if (reduction?.once || hasEnded(world, subscription)) endDiscounts(world, cause, subscription);
  if (customer.currency === null) {
    changeCustomer(world, cause, customer, () => {
      customer.currency = invoice.currency;
    });
  }
  subscription.latest_invoice = id;
  world.emit(cause, "invoice.created", invoice);
  return invoice;
}

export function customerOf(world: World, of: { customer: string | { id: string } | null }): Stripe.Customer {
  const customer = world.customers.get(idOf(of.customer));
  if (!customer) throw new Error(`The customer ${idOf(of.customer)} is gone`);
  return customer;
}

/** The amount due and what the customer's balance gives or takes, as long as the invoice is a draft. */
export function reckon(invoice: Stripe.Invoice, customer: Stripe.Customer): void {
  const { total } = invoice;
  const wanted = Math.max(0, total + customer.balance);
  const due = wanted < leastOf(invoice.currency) ? 0 : wanted;
  invoice.starting_balance = customer.balance;
  invoice.amount_due = due;
  invoice.amount_remaining = due;
}

function priceOf(world: World, pending: Stripe.InvoiceItem): Stripe.Price | undefined {
  return world.prices.get(idOf(pending.pricing?.price_details?.price));
}

function hasEnded(world: World, subscription: Stripe.Subscription): boolean {
  const discount = world.billing.discounts.get(idOf(subscription.discounts[0]));
  return discount !== undefined && discount.end !== null && discount.end <= world.seconds();
}

function reduce(lines: readonly Stripe.InvoiceLineItem[], { discount, shares }: Reduction): void {
  lines.forEach((line, index) => {
    const amount = shares[index] ?? 0;
    line.discounts = [discount.id];
    line.discount_amounts = [{ amount, discount: discount.id }];
    line.pretax_credit_amounts = [{ amount, discount: discount.id, type: "discount" }];
  });
}

/** Later credits are shares of what was really asked for. */
function remember(world: World, charged: Charged, line: Stripe.InvoiceLineItem, off: number): void {
  const { item, amount, start, end } = charged;
  const debit = {
    amount: amount - off,
    start,
    end,
    line: { invoice: line.invoice ?? "", id: line.id },
    what: item.price.id,
    pending: undefined,
  };
  const kept = (world.billing.debits.get(item.id) ?? []).filter((each) => each.end > start);
  world.billing.debits.set(item.id, [...kept, debit]);
}

/** A debit that waited is on an invoice now. */
function billPending(world: World, lines: readonly Stripe.InvoiceLineItem[]): void {
  for (const line of lines) {
    const details = line.parent?.subscription_item_details;
    const item = details?.subscription_item ?? "";
    const debits = world.billing.debits.get(item);
    if (!debits) continue;
    world.billing.debits.set(
      item,
      debits.map((each) =>
        each.pending !== undefined && each.pending === details?.invoice_item
          ? { ...each, line: { invoice: line.invoice ?? "", id: line.id }, pending: undefined }
          : each,
      ),
    );
  }
}

function newInvoice(
  world: World,
  id: string,
  customer: Stripe.Customer,
  bill: Bill,
  lines: Stripe.InvoiceLineItem[],
  reduction: Reduction | undefined,
): Stripe.Invoice {
  const { subscription } = bill;
  const subtotal = lines.reduce((sum, { amount }) => sum + amount, 0);
  const off = reduction?.shares.reduce((sum, share) => sum + share, 0) ?? 0;
  const total = subtotal - off;
  const invoice: Stripe.Invoice = {
    id,
    object: "invoice",
    account_country: "US",
    account_name: "CASCADE STAND-IN",
    account_tax_ids: null,
    amount_due: 0,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: 0,
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance: bill.retries ?? bill.finalizesAt !== null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
    automatically_finalizes_at: bill.finalizesAt,
    billing_reason: bill.reason,
    collection_method: "charge_automatically",
    created: world.seconds(),
    currency: subscription.currency,
    custom_fields: null,
    customer: customer.id,
    customer_account: null,
    customer_address: null,
    customer_email: customer.email,
    customer_name: customer.name ?? null,
    customer_phone: customer.phone ?? null,
    customer_shipping: null,
    customer_tax_exempt: "none",
    customer_tax_ids: [],
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: reduction ? [reduction.discount.id] : [],
    due_date: null,
    effective_at: null,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: "self" },
    last_finalization_error: null,
    latest_revision: null,
    lines: { object: "list", data: lines, has_more: false, url: `/v1/invoices/${id}/lines` },
    livemode: false,
    metadata: {},
    next_payment_attempt: bill.finalizesAt,
    number: null,
    on_behalf_of: null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: { ...subscription.metadata }, subscription: subscription.id },
      type: "subscription_details",
    },
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    period_end: bill.period.end,
    period_start: bill.period.start,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: "draft",
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    subtotal,
    subtotal_excluding_tax: subtotal,
    test_clock: customer.test_clock ?? null,
    total,
    total_discount_amounts: reduction ? [{ amount: off, discount: reduction.discount.id }] : [],
    total_excluding_tax: total,
    total_pretax_credit_amounts: reduction
      ? [{ amount: off, discount: reduction.discount.id, type: "discount" }]
      : [],
    total_taxes: [],
    webhooks_delivered_at: world.seconds(),
  };
  reckon(invoice, customer);
  return invoice;
}
