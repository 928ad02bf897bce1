/** The hosted checkout page: plain HTML that works without a script, by keyboard and on a phone. */
import { html, raw } from "hono/html";
import type { Stripe } from "stripe";
import { shown } from "../objects/money.ts";
import { SUCCESS_NUMBER, testCards } from "../payments/test-cards.ts";
import { page, type Html } from "./shell.ts";

export type CheckoutView = {
  readonly session: Stripe.Checkout.Session;
  readonly items: readonly Stripe.LineItem[];
  /** Why the last attempt failed. */
  readonly problem: string | undefined;
  /** What was typed, so that it need not be typed again. */
  readonly email: string;
};

export function checkoutPage(view: CheckoutView): Html {
  const { session, items, problem } = view;
  const currency = session.currency ?? "usd";
  const total = shown(session.amount_total ?? 0, currency);
  const isFree = session.mode === "payment" && session.amount_total === 0;
  const description =
    session.mode === "setup" ? "Store a card" : items.map((item) => item.description ?? "Item").join(", ");
  return page(
    `Pay ${total}`,
    "two",
    html`<section aria-labelledby="what">
        <span class="badge">Test mode: no money moves</span>
        <h1 id="what" style="margin-top:1rem">${description}</h1>
        <p class="total">${total}</p>
        ${discountLine(session)}
        <ul class="items">
          ${items.map(
            (item) =>
              html`<li>
                <span>${item.description ?? "Item"} <span class="soft">× ${item.quantity ?? 1}</span></span>
                <span>${shown(item.amount_total, item.currency)}</span>
              </li>`,
          )}
        </ul>
        ${session.cancel_url === null ? "" : html`<p><a href="${session.cancel_url}">Back without paying</a></p>`}
      </section>
      <section class="panel" aria-labelledby="how">
        <h2 id="how">Payment details</h2>
        ${problem === undefined ? "" : html`<p class="alert" role="alert">${problem} You can try again.</p>`}
        <form method="post" action="/c/pay/${session.id}">
          ${emailField(view)} ${isFree ? "" : meansFields(session, problem)}
          <div class="actions">
            <button class="first" name="action" value="pay">${payLabel(session, total)}</button>
            ${
              isFree
                ? ""
                : html`<button name="action" value="decline" formnovalidate>Decline this card</button>`
            }
          </div>
        </form>
      </section>`,
  );
}

function payLabel(session: Stripe.Checkout.Session, total: string): string {
  if (session.mode === "setup") return "Store this card";
  if (session.mode === "subscription")
    return session.amount_total === 0 ? "Start the trial" : `Subscribe for ${total}`;
  return session.amount_total === 0 ? "Complete" : `Pay ${total}`;
}

function discountLine(session: Stripe.Checkout.Session): Html | string {
  const discount = session.total_details?.amount_discount ?? 0;
  if (discount === 0) return "";
  return html`<p class="soft">${shown(discount, session.currency ?? "usd")} off by a discount.</p>`;
}

function emailField({ session, email }: CheckoutView): Html {
  const known = session.customer_details?.email ?? null;
  if (known !== null) return html`<p class="field"><strong>Email</strong><br />${known}</p>`;
  return html`<div class="field">
    <label for="email">Email</label>
    <input id="email" name="email" type="email" required autocomplete="email" value="${email}" />
  </div>`;
}

const otherMeans = [
  {
    means: "bank_debit",
    method: "us_bank_account",
    label: "Bank debit",
    note: "the money arrives some days later",
  },
  {
    means: "bank_transfer",
    method: "customer_balance",
    label: "Bank transfer",
    note: "you send the money later",
  },
  { means: "crypto", method: "crypto", label: "Stablecoin", note: "it arrives at once" },
] as const;

function meansFields(session: Stripe.Checkout.Session, problem: string | undefined): Html {
  const grouped = SUCCESS_NUMBER.replaceAll(/(\d{4})(?=\d)/g, "$1 ");
  const others = otherMeans.filter(({ method }) => session.payment_method_types.includes(method));
  return html`${
      others.length === 0
        ? html`<input type="hidden" name="means" value="card" />`
        : html`<fieldset>
            <legend>Pay with</legend>
            <label><input type="radio" name="means" value="card" checked /> Card</label>
            ${others.map(
              ({ means, label, note }) =>
                html`<label>
                  <input type="radio" name="means" value="${means}" />
                  <span>${label} <span class="soft">– ${note}</span></span>
                </label>`,
            )}
          </fieldset>`
    }
    <div class="field">
      <label for="card">Card number</label>
      <input
        id="card"
        name="card"
        type="text"
        inputmode="numeric"
        autocomplete="off"
        aria-describedby="card-hint"
        ${problem === undefined ? "" : raw('aria-invalid="true"')}
        value="${grouped}"
      />
      <small id="card-hint">${grouped} succeeds; other test cards are listed below.</small>
    </div>
    <details>
      <summary>Test cards</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Number</th>
            <th scope="col">Outcome</th>
          </tr>
        </thead>
        <tbody>
          ${testCards.map(
            (card) =>
              html`<tr>
                <td><code>${card.number}</code></td>
                <td>${card.note ?? card.decline?.message ?? `Succeeds (${card.brand} ${card.funding})`}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </details>`;
}
