/** What becomes of a subscription when the last attempt to collect an invoice has failed. */
import type { Stripe } from "stripe";
import { onItsOwn, type World } from "../world.ts";
import { changeInvoice, changeSubscription } from "./announce.ts";
import { endSubscription } from "./end.ts";

export function failForGood(world: World, subscription: Stripe.Subscription, invoice: Stripe.Invoice): void {
  switch (world.billing.settings.afterRetries) {
    case "cancel":
      endSubscription(world, onItsOwn, subscription, "payment_failed");
      return;
    case "unpaid":
      changeInvoice(world, onItsOwn, invoice, () => {
        invoice.auto_advance = false;
      });
      changeSubscription(world, onItsOwn, subscription, () => {
        subscription.status = "unpaid";
      });
      return;
    case "past_due":
      return;
  }
}
