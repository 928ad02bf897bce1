/** Takes from the stand-in what nobody asks Stripe for any more, so that the ten-thousandth history costs what the first did. */
import { idOf } from "../../dev/stripe/reference.ts";
import type { World } from "./world.ts";

type AtStripe = World["stripe"]["world"];
type Payment = ReturnType<AtStripe["paymentIntents"]["oldestFirst"]>[number];

/** Payments, and what was charged, sent back, disputed and booked of them. */
export function forgetPayments(stripe: AtStripe, isTheirs: (payment: Payment) => boolean): void {
  const { paymentIntents, charges, refunds, disputes, balanceTransactions } = stripe;
  const forgotten = new Set<string>();
  for (const payment of paymentIntents.oldestFirst()) if (isTheirs(payment)) forgotten.add(payment.id);
  for (const objects of [charges, refunds, disputes]) {
    for (const { id, payment_intent: payment } of objects.oldestFirst()) {
      if (!forgotten.has(idOf(payment))) continue;
      forgotten.add(id);
      objects.remove(id);
    }
  }
  for (const { id, source } of balanceTransactions.oldestFirst())
    if (forgotten.has(idOf(source))) balanceTransactions.remove(id);
  for (const id of forgotten) paymentIntents.remove(id);
}

/** A customer's subscriptions, with their invoices and payments. */
export function forgetSubscriber(stripe: AtStripe, customer: string): void {
  const { subscriptions, schedules, invoices, invoiceItems } = stripe.billing;
  for (const objects of [subscriptions, schedules, invoices, invoiceItems])
    for (const { id, customer: whose } of objects.oldestFirst())
      if (idOf(whose) === customer) objects.remove(id);
  forgetPayments(stripe, (payment) => idOf(payment.customer) === customer);
}
