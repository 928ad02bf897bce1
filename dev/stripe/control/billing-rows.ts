/** The control page's rows of subscriptions and invoices. */
import { html } from "hono/html";
import type { Stripe } from "stripe";
import { methodFor } from "../billing/collect.ts";
import { amountOf, nameOf } from "../billing/lines.ts";
import { periodOf } from "../billing/subscription.ts";
import { shown } from "../objects/money.ts";
import { STORED_AND_DECLINED_NUMBER, SUCCESS_NUMBER } from "../payments/test-cards.ts";
import { idOf } from "../reference.ts";
import type { World } from "../world.ts";
import { button, time, type Html } from "./elements.ts";

export function subscriptionRow(world: World, subscription: Stripe.Subscription): Html {
  const { start, end } = periodOf(subscription);
  const names = subscription.items.data.map(({ price }) => nameOf(world, price)).join(", ");
  const amount = subscription.items.data.reduce((sum, each) => sum + amountOf(each.price, each.quantity), 0);
  return html`<tr>
    <td>${time(subscription.created)}</td>
    <td><code>${subscription.id}</code><br /><code class="soft">${idOf(subscription.customer)}</code></td>
    <td>${names}<br />${shown(amount, subscription.currency)}</td>
    <td class="${subscription.status === "active" ? "good" : ""}">
      ${subscription.status}${subscription.cancel_at === null ? "" : html`<br />ends ${time(subscription.cancel_at)}`}
    </td>
    <td>${time(start)}<br />${time(end)}</td>
  </tr>`;
}

export function invoiceRow(world: World, invoice: Stripe.Invoice): Html {
  const at = `invoices/${invoice.id}`;
  const method = methodFor(world, invoice)?.id;
  return html`<tr>
    <td>${time(invoice.created)}</td>
    <td><code>${invoice.id}</code><br />${invoice.number ?? ""}</td>
    <td>${shown(invoice.amount_due, invoice.currency)}</td>
    <td class="${invoice.status === "paid" ? "good" : ""}">
      ${invoice.status}<br />${invoice.billing_reason ?? ""}
    </td>
    <td>
      ${invoice.hosted_invoice_url ? html`<a class="button" href="${invoice.hosted_invoice_url}">Open</a>` : ""}
      ${invoice.status === "open" ? button(`${at}/pay`, "Pay by another card") : ""}
      ${
        method === undefined
          ? ""
          : html`${cardButton(method, STORED_AND_DECLINED_NUMBER, "Its card fails from now on")}${cardButton(
              method,
              SUCCESS_NUMBER,
              "…works again",
            )}`
      }
    </td>
  </tr>`;
}

function cardButton(method: string, card: string, label: string): Html {
  return button(`payment-methods/${method}/turn`, label, { card });
}

/** Time passes for whoever does not live by a test clock; it never goes back, for what was written stays. */
export function timeLine(until: Date | undefined): Html {
  if (until) return html`<strong>It passes day by day, until ${time(until.getTime() / 1000)}.</strong>`;
  return html`${button("billing/advance", "Advance a day", { days: "1" })}
  ${button("billing/advance", "Advance a month", { months: "1" })}
  ${button("billing/next", "To the next event")}`;
}
