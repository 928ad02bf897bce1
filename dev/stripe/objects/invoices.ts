/** Invoices through the API: read, previewed, finalized, paid, voided, given up. */
import type { Stripe } from "stripe";
import { changeInvoice } from "../billing/announce.ts";
import { attempt, methodFor, settle, subscriptionOf, type Attempt } from "../billing/collect.ts";
import { finalize, markUncollectible, voidInvoice } from "../billing/finalize.ts";
import { previewInvoice } from "../billing/preview-request.ts";
import { asksForProof, declined, noMeans } from "../billing/refusals.ts";
import { inTimeOf } from "../billing/time.ts";
import { customerNamed } from "../customers/find.ts";
import { invalid, noSuch, type Refusal } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route, type Call } from "../protocol/route.ts";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";
import { methodOf } from "./payment-methods.ts";

function found(world: World, id: string): Stripe.Invoice {
  const invoice = world.billing.invoices.get(id);
  if (!invoice) throw noSuch("invoice", id, "invoice");
  return invoice;
}

/** Finds it and works on it at its customer's time. */
function onInvoice<P extends object>(
  work: (world: World, cause: Cause, invoice: Stripe.Invoice, params: P) => void,
): (call: Call<P>) => Stripe.Invoice {
  return ({ world, id, cause, params }) => {
    const invoice = found(world, id);
    return inTimeOf(world, idOf(invoice.customer), () => {
      work(world, cause, invoice, params);
      return invoice;
    });
  };
}

function finalizeByHand(
  world: World,
  cause: Cause,
  invoice: Stripe.Invoice,
  advances: boolean | undefined,
): void {
  if (invoice.status !== "draft") {
    throw invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.", {
      code: "invoice_not_editable",
    });
  }
  if (advances !== undefined) invoice.auto_advance = advances;
  finalize(world, cause, invoice);
  // It is tried about an hour later, when it goes on by itself.
  if (invoice.status === "open" && invoice.auto_advance === true) {
    changeInvoice(world, cause, invoice, () => {
      invoice.next_payment_attempt = world.seconds() + world.billing.settings.draftSeconds;
    });
  }
}

function pay(world: World, cause: Cause, invoice: Stripe.Invoice, params: Stripe.InvoicePayParams): void {
  if (invoice.status === "paid") throw invalid("Invoice is already paid", { code: "invoice_already_paid" });
  if (invoice.status === "void") {
    throw invalid("Invoice is void and cannot be paid.", { code: "status_transition_invalid" });
  }
  const method =
    params.payment_method === undefined
      ? undefined
      : methodOf(world, idOf(invoice.customer), params.payment_method, "payment_method");
  if (params.paid_out_of_band !== true && !method && !methodFor(world, invoice) && invoice.amount_due > 0)
    throw noMeans();
  if (invoice.status === "draft") finalize(world, cause, invoice);
  if (invoice.status !== "open" && invoice.status !== "uncollectible") return;
  if (params.paid_out_of_band === true) {
    settle(world, cause, invoice, { outOfBand: true });
    return;
  }
  const refusal = refusalOf(attempt(world, cause, invoice, { method, automatic: false }));
  if (refusal) throw refusal;
}

function refusalOf(outcome: Attempt): Refusal | undefined {
  switch (outcome.kind) {
    case "paid":
      return undefined;
    case "declined":
      return declined(outcome.decline);
    case "asks":
    case "proof_failed":
      return asksForProof();
    case "no_method":
      return noMeans();
  }
}

function refuseUnlessOpen(invoice: Stripe.Invoice, ...also: string[]): void {
  const { status } = invoice;
  if (status === "open" || also.includes(status ?? "")) return;
  throw invalid("You can only pass in open invoices. This invoice isn't open.", {
    code: "status_transition_invalid",
  });
}

function change(
  world: World,
  cause: Cause,
  invoice: Stripe.Invoice,
  params: Stripe.InvoiceUpdateParams,
): void {
  if (invoice.status !== "draft" && params.description !== undefined) {
    throw invalid("Finalized invoices can't be updated in this way", { code: "invoice_not_editable" });
  }
  if (invoice.status !== "draft" && invoice.status !== "open" && params.auto_advance !== undefined) {
    throw invalid(
      `You cannot change \`auto_advance\` of an invoice that is ${invoice.status ?? "unknown"}.`,
      {
        code: "invoice_not_editable",
      },
    );
  }
  const metadata = mergeMetadata(invoice.metadata, params.metadata);
  const method =
    params.default_payment_method === undefined
      ? undefined
      : methodOf(world, idOf(invoice.customer), params.default_payment_method, "default_payment_method");
  changeInvoice(world, cause, invoice, () => {
    invoice.metadata = metadata;
    if (params.description !== undefined) invoice.description = params.description || null;
    if (method) invoice.default_payment_method = method.id;
    if (params.auto_advance !== undefined) advance(world, invoice, params.auto_advance);
  });
}

function advance(world: World, invoice: Stripe.Invoice, advances: boolean): void {
  const soon = advances ? world.seconds() + world.billing.settings.draftSeconds : null;
  invoice.auto_advance = advances;
  if (invoice.status === "draft") invoice.automatically_finalizes_at = soon;
  invoice.next_payment_attempt = advances ? (invoice.next_payment_attempt ?? soon) : null;
}

export const invoices = [
  route<Stripe.InvoiceCreatePreviewParams>({
    verb: "POST",
    path: "/v1/invoices/create_preview",
    method: "InvoiceResource.createPreview",
    supports: [
      "customer",
      "preview_mode",
      "schedule",
      "subscription",
      "subscription_details.billing_cycle_anchor",
      "subscription_details.cancel_at",
      "subscription_details.cancel_at_period_end",
      "subscription_details.cancel_now",
      "subscription_details.items.deleted",
      "subscription_details.items.id",
      "subscription_details.items.price",
      "subscription_details.items.quantity",
      "subscription_details.proration_behavior",
      "subscription_details.proration_date",
      "subscription_details.trial_end",
      "discounts.coupon",
      "discounts.promotion_code",
    ],
    answers: "invoice",
    run: ({ world, params }) => previewInvoice(world, params),
  }),
  route<Stripe.InvoiceRetrieveParams>({
    verb: "GET",
    path: "/v1/invoices/:id",
    method: "InvoiceResource.retrieve",
    supports: [],
    answers: "invoice",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.InvoiceUpdateParams>({
    verb: "POST",
    path: "/v1/invoices/:id",
    method: "InvoiceResource.update",
    supports: ["auto_advance", "default_payment_method", "description", "metadata"],
    answers: "invoice",
    run: onInvoice<Stripe.InvoiceUpdateParams>(change),
  }),
  route<Stripe.InvoiceDeleteParams>({
    verb: "DELETE",
    path: "/v1/invoices/:id",
    method: "InvoiceResource.del",
    supports: [],
    answers: undefined,
    run({ world, id }) {
      found(world, id);
      // Every invoice here is a subscription's.
      throw invalid("You can't delete invoices created by subscriptions.");
    },
  }),
  route<Stripe.InvoiceFinalizeInvoiceParams>({
    verb: "POST",
    path: "/v1/invoices/:id/finalize",
    method: "InvoiceResource.finalizeInvoice",
    supports: ["auto_advance"],
    answers: "invoice",
    run: onInvoice<Stripe.InvoiceFinalizeInvoiceParams>((world, cause, invoice, params) => {
      finalizeByHand(world, cause, invoice, params.auto_advance);
    }),
  }),
  route<Stripe.InvoicePayParams>({
    verb: "POST",
    path: "/v1/invoices/:id/pay",
    method: "InvoiceResource.pay",
    supports: ["off_session", "paid_out_of_band", "payment_method"],
    answers: "invoice",
    run: onInvoice<Stripe.InvoicePayParams>(pay),
  }),
  route<Stripe.InvoiceVoidInvoiceParams>({
    verb: "POST",
    path: "/v1/invoices/:id/void",
    method: "InvoiceResource.voidInvoice",
    supports: [],
    answers: "invoice",
    run: onInvoice((world, cause, invoice) => {
      refuseUnlessOpen(invoice, "uncollectible");
      voidInvoice(world, cause, invoice);
    }),
  }),
  route<Stripe.InvoiceMarkUncollectibleParams>({
    verb: "POST",
    path: "/v1/invoices/:id/mark_uncollectible",
    method: "InvoiceResource.markUncollectible",
    supports: [],
    answers: "invoice",
    run: onInvoice((world, cause, invoice) => {
      refuseUnlessOpen(invoice);
      markUncollectible(world, cause, invoice);
    }),
  }),
  route<Stripe.InvoiceListLineItemsParams>({
    verb: "GET",
    path: "/v1/invoices/:id/lines",
    method: "InvoiceResource.listLineItems",
    supports: ["limit", "starting_after", "ending_before"],
    answers: "line_item",
    run: ({ world, id, params }) =>
      page(found(world, id).lines.data, params, `/v1/invoices/${id}/lines`, "line item"),
  }),
  route<Stripe.InvoiceListParams>({
    verb: "GET",
    path: "/v1/invoices",
    method: "InvoiceResource.list",
    supports: ["created", "customer", "status", "subscription", "limit", "starting_after", "ending_before"],
    answers: "invoice",
    run({ world, params }) {
      if (params.customer !== undefined && !world.deleted.get(params.customer)) {
        customerNamed(world, params.customer, "customer");
      }
      const all = world.billing.invoices
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ customer }) => params.customer === undefined || customer === params.customer)
        .filter(({ status }) => params.status === undefined || status === params.status)
        .filter(
          (each) =>
            params.subscription === undefined || subscriptionOf(world, each)?.id === params.subscription,
        );
      return page(all, params, "/v1/invoices", "invoice");
    },
  }),
];

export const invoicePayments = [
  route<Stripe.InvoicePaymentRetrieveParams>({
    verb: "GET",
    path: "/v1/invoice_payments/:id",
    method: "InvoicePaymentResource.retrieve",
    supports: [],
    answers: "invoice_payment",
    run({ world, id }) {
      const payment = world.billing.invoicePayments.get(id);
      if (!payment) throw noSuch("invoice_payment", id);
      return payment;
    },
  }),
  route<Stripe.InvoicePaymentListParams>({
    verb: "GET",
    path: "/v1/invoice_payments",
    method: "InvoicePaymentResource.list",
    supports: [
      "created",
      "invoice",
      "payment.payment_intent",
      "payment.type",
      "status",
      "limit",
      "starting_after",
      "ending_before",
    ],
    answers: "invoice_payment",
    run({ world, params }) {
      const intent = params.payment?.payment_intent;
      const all = world.billing.invoicePayments
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ invoice }) => params.invoice === undefined || invoice === params.invoice)
        .filter(({ payment }) => intent === undefined || payment.payment_intent === intent)
        .filter(({ status }) => params.status === undefined || status === params.status);
      return page(all, params, "/v1/invoice_payments", "invoice_payment");
    },
  }),
];

export const invoiceItems = [
  route<Stripe.InvoiceItemRetrieveParams>({
    verb: "GET",
    path: "/v1/invoiceitems/:id",
    method: "InvoiceItemResource.retrieve",
    supports: [],
    answers: "invoiceitem",
    run({ world, id }) {
      const item = world.billing.invoiceItems.get(id);
      if (!item) throw noSuch("invoiceitem", id, "invoiceitem");
      return item;
    },
  }),
  route<Stripe.InvoiceItemDeleteParams>({
    verb: "DELETE",
    path: "/v1/invoiceitems/:id",
    method: "InvoiceItemResource.del",
    supports: [],
    answers: undefined,
    run({ world, id, cause }) {
      const item = world.billing.invoiceItems.get(id);
      if (!item) throw noSuch("invoiceitem", id, "invoiceitem");
      if (item.invoice !== null) {
        throw invalid("You cannot delete an invoice item that is attached to an invoice.", {
          code: "invoice_not_editable",
        });
      }
      world.billing.invoiceItems.remove(id);
      world.emit(cause, "invoiceitem.deleted", item);
      return { id, object: "invoiceitem", deleted: true };
    },
  }),
  route<Stripe.InvoiceItemListParams>({
    verb: "GET",
    path: "/v1/invoiceitems",
    method: "InvoiceItemResource.list",
    supports: ["created", "customer", "invoice", "pending", "limit", "starting_after", "ending_before"],
    answers: "invoiceitem",
    run({ world, params }) {
      const within = createdWithin(params.created);
      const all = world.billing.invoiceItems
        .newestFirst()
        .filter(({ date }) => within({ created: date }))
        .filter(({ customer }) => params.customer === undefined || customer === params.customer)
        .filter(({ invoice }) => params.invoice === undefined || invoice === params.invoice)
        .filter(({ invoice }) => params.pending === undefined || (invoice === null) === params.pending);
      return page(all, params, "/v1/invoiceitems", "invoiceitem");
    },
  }),
];
