/** The control page's rows of payments, and of what becomes of them: refunds, disputes, payouts. */
import { html } from "hono/html";
import type { Stripe } from "stripe";
import { isInquiry, isOpenChargeback } from "../disputes/standing.ts";
import { shown } from "../objects/money.ts";
import { amountForm, button, select, time, type Html } from "./elements.ts";
import { idOf } from "../reference.ts";

const STATUSES = ["needs_response", "warning_needs_response"];
const REASONS = ["fraudulent", "product_not_received", "unrecognized", "duplicate", "credit_not_processed"];

export function intentRow(intent: Stripe.PaymentIntent): Html {
  const at = `payments/${intent.id}`;
  const disputing = html`${select("status", "Kind", STATUSES)} ${select("reason", "Reason", REASONS)}`;
  return html`<tr>
    <td>${time(intent.created)}</td>
    <td><code>${intent.id}</code></td>
    <td>${shown(intent.amount, intent.currency)}</td>
    <td class="${intent.status === "succeeded" ? "good" : ""}">
      ${intent.status}${
        intent.last_payment_error?.message
          ? html`<br /><span class="bad">${intent.last_payment_error.message}</span>`
          : ""
      }
    </td>
    <td><code>${JSON.stringify(intent.metadata)}</code></td>
    <td>
      ${
        intent.status === "succeeded"
          ? html`${amountForm(`${at}/refund`, "Refund")}${amountForm(`${at}/dispute`, "Dispute", disputing)}${button(`${at}/fraud-warning`, "Fraud warning")}`
          : ""
      }
    </td>
  </tr>`;
}

export function refundRow(refund: Stripe.Refund): Html {
  const at = `refunds/${refund.id}`;
  const hasEnded = refund.status === "failed" || refund.status === "canceled";
  return html`<tr>
    <td>${time(refund.created)}</td>
    <td><code>${refund.id}</code><br /><code class="soft">${idOf(refund.charge)}</code></td>
    <td>${shown(refund.amount, refund.currency)}</td>
    <td class="${hasEnded ? "bad" : ""}">${refund.status}<br />${refund.failure_reason ?? ""}</td>
    <td>
      ${refund.status === "pending" ? button(`${at}/succeed`, "Arrives") : ""}
      ${hasEnded ? "" : html`${button(`${at}/fail`, "Fails")}${button(`${at}/cancel`, "Cancel")}`}
    </td>
  </tr>`;
}

export function disputeRow(dispute: Stripe.Dispute): Html {
  const at = `disputes/${dispute.id}`;
  return html`<tr>
    <td>${time(dispute.created)}</td>
    <td><code>${dispute.id}</code><br /><code class="soft">${idOf(dispute.charge)}</code></td>
    <td>${shown(dispute.amount, dispute.currency)}</td>
    <td>${dispute.status}<br /><span class="soft">${dispute.reason}</span></td>
    <td>
      ${
        isOpenChargeback(dispute)
          ? html`${button(`${at}/decide`, "Won", { decision: "won" })}${button(`${at}/decide`, "Lost", { decision: "lost" })}`
          : ""
      }
      ${
        isInquiry(dispute)
          ? html`${button(`${at}/escalate`, "Becomes a chargeback")}${button(`${at}/decide`, "Closed", {
              decision: "warning_closed",
            })}${button(`${at}/decide`, "Prevented", { decision: "prevented" })}`
          : ""
      }
    </td>
  </tr>`;
}

export function payoutRow(payout: Stripe.Payout): Html {
  const at = `payouts/${payout.id}/settle`;
  return html`<tr>
    <td>${time(payout.created)}</td>
    <td><code>${payout.id}</code></td>
    <td>${shown(payout.amount, payout.currency)}</td>
    <td class="${payout.status === "failed" ? "bad" : ""}">${payout.status}</td>
    <td>
      ${
        payout.status === "in_transit"
          ? html`${button(at, "Arrives", { how: "arrives" })}${button(at, "Fails", { how: "fails" })}`
          : ""
      }
    </td>
  </tr>`;
}
