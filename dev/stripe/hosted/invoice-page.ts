/** An invoice as its customer sees it. */
import { html } from "hono/html";
import type { Stripe } from "stripe";
import { shown } from "../objects/money.ts";
import { SUCCESS_NUMBER } from "../payments/test-cards.ts";
import type { World } from "../world.ts";
import { page, type Html } from "./shell.ts";

/** @param problem why the last attempt failed. */
export function invoicePage(world: World, invoice: Stripe.Invoice, problem: string | undefined): Html {
  const due = shown(invoice.amount_due, invoice.currency);
  const isPayable = invoice.status === "open" || invoice.status === "uncollectible";
  return page(
    `Invoice ${invoice.number ?? ""}`,
    "two",
    html`<section aria-labelledby="invoice">
        <span class="badge">Test mode: no money moves</span>
        <h1 id="invoice" style="margin-top:1rem">Invoice ${invoice.number ?? ""}</h1>
        <p class="total">${due}</p>
        <p class="soft">
          ${invoice.status}, from ${new Date(invoice.created * 1000).toISOString().slice(0, 10)}.
          <a href="${world.url()}/i/${invoice.id}/pdf">PDF</a>
        </p>
        <ul class="items">
          ${invoice.lines.data.map(
            (line) =>
              html`<li>
                <span>${line.description ?? ""}</span><span>${shown(line.amount, line.currency)}</span>
              </li>`,
          )}
        </ul>
      </section>
      ${
        isPayable
          ? html`<section class="panel" aria-label="Payment">
              ${problem === undefined ? "" : html`<p class="alert" role="alert">${problem} You can try again.</p>`}
              <form method="post" action="/i/${invoice.id}">
                <div class="field">
                  <label for="card">Card number</label>
                  <input id="card" type="text" name="card" inputmode="numeric" value="${SUCCESS_NUMBER}" />
                </div>
                <div class="actions"><button class="first">Pay ${due}</button></div>
              </form>
            </section>`
          : html`<section class="panel"><p>There is nothing to pay.</p></section>`
      }`,
  );
}
