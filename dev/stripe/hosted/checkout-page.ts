/** The hosted checkout page: plain HTML that works without a script, by keyboard and on a phone. */
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { Stripe } from "stripe";
import { shown } from "../objects/money.ts";
import { SUCCESS_NUMBER, testCards } from "../payments/test-cards.ts";
import { style } from "./style.ts";

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

export type CheckoutView = {
  readonly session: Stripe.Checkout.Session;
  readonly items: readonly Stripe.LineItem[];
  /** Why the last attempt failed. */
  readonly problem: string | undefined;
  /** What was typed, so that it need not be typed again. */
  readonly email: string;
};

const layout = raw(`
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; display: grid; gap: 1.5rem; }
@media (min-width: 48rem) { main.two { grid-template-columns: 1fr 1fr; align-items: start; padding-top: 4rem; } }
main.one { max-width: 34rem; }
.total { font-size: 2.4rem; font-weight: 650; letter-spacing: -.02em; margin: .25rem 0 1.25rem; }
ul.items { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
ul.items li { display: flex; justify-content: space-between; gap: 1rem; padding: .8rem 0; border-bottom: 1px solid var(--line); }
.field { margin: 0 0 1.1rem; }
.field label, legend { display: block; font-weight: 600; margin: 0 0 .35rem; }
.field small { display: block; color: var(--soft); margin-top: .35rem; }
fieldset { border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem; margin: 0 0 1.1rem; }
fieldset label { display: flex; gap: .6rem; align-items: baseline; padding: .2rem 0; }
.actions { display: grid; gap: .7rem; margin-top: 1.4rem; }
details { margin-top: 1.4rem; } summary { cursor: pointer; }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; font-size: .9rem; }
td, th { text-align: left; padding: .3rem .5rem .3rem 0; vertical-align: top; }
`);

export function checkoutPage(view: CheckoutView): Html {
  const { session, items, problem } = view;
  const currency = session.currency ?? "usd";
  const total = shown(session.amount_total ?? 0, currency);
  const description = items.map((item) => item.description ?? "Item").join(", ");
  return page(
    `Pay ${total}`,
    "two",
    html`<section aria-labelledby="what">
        <span class="badge">Test mode: no money moves</span>
        <h1 id="what" style="margin-top:1rem">${description}</h1>
        <p class="total">${total}</p>
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
        <form method="post">
          ${emailField(view)} ${session.amount_total === 0 ? "" : meansFields(session, problem)}
          <div class="actions">
            <button class="first" name="action" value="pay">
              ${session.amount_total === 0 ? "Complete" : `Pay ${total}`}
            </button>
            ${
              session.amount_total === 0
                ? ""
                : html`<button name="action" value="decline" formnovalidate>Decline this card</button>`
            }
          </div>
        </form>
      </section>`,
  );
}

function emailField({ session, email }: CheckoutView): Html {
  const known = session.customer_details?.email ?? null;
  if (known !== null) return html`<p class="field"><strong>Email</strong><br />${known}</p>`;
  return html`<div class="field">
    <label for="email">Email</label>
    <input id="email" name="email" type="email" required autocomplete="email" value="${email}" />
  </div>`;
}

function meansFields(session: Stripe.Checkout.Session, problem: string | undefined): Html {
  const debit = session.payment_method_types.includes("us_bank_account");
  const grouped = SUCCESS_NUMBER.replaceAll(/(\d{4})(?=\d)/g, "$1 ");
  return html`${
      debit
        ? html`<fieldset>
            <legend>Pay with</legend>
            <label><input type="radio" name="means" value="card" checked /> Card</label>
            <label>
              <input type="radio" name="means" value="bank_debit" />
              <span>Bank debit <span class="soft">– the money arrives some days later</span></span>
            </label>
          </fieldset>`
        : html`<input type="hidden" name="means" value="card" />`
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
                <td>${card.decline?.message ?? `Succeeds (${card.brand} ${card.funding})`}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </details>`;
}

/** A page that only says something: a payment that is done or over, a receipt, an address that leads nowhere. */
export function closedPage(title: string, text: string, back: string | null): Html {
  return page(
    title,
    "one",
    html`<section class="panel">
      <span class="badge">Test mode</span>
      <h1 style="margin-top:1rem">${title}</h1>
      <p class="soft">${text}</p>
      ${back === null ? "" : html`<p><a class="button first" href="${back}">Back to the shop</a></p>`}
    </section>`,
  );
}

function page(title: string, columns: "one" | "two", content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        <style>
          ${style}${layout}
        </style>
      </head>
      <body>
        <main class="${columns}">${content}</main>
      </body>
    </html>`;
}
