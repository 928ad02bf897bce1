/** The control page for people: what was sold, paid and told, and the switches for a bad day. */
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { Stripe } from "stripe";
import { style } from "../hosted/style.ts";
import { shown } from "../objects/money.ts";
import type { Delivery } from "../webhooks/deliver.ts";
import type { StoredEvent } from "../world.ts";
import type { Controlled } from "./routes.ts";

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

const SHOWN_ROWS = 50;

const layout = raw(`
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; display: grid; gap: 1.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .5rem .9rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
form { display: inline-flex; gap: .4rem; margin: 0 .4rem .4rem 0; }
button, .button { padding: .35rem .7rem; font-size: .88rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
`);

export function controlPage({ world, webhooks, faults }: Controlled): Html {
  const deliveries = Map.groupBy(webhooks.deliveries, (delivery) => delivery.eventId);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Stripe stand-in</title>
        <style>
          ${style}${layout}
        </style>
      </head>
      <body>
        <main>
          <header>
            <h1>Stripe stand-in</h1>
            <p class="soft">
              API ${world.sdk.apiVersion} at <code>${world.url()}</code>. No money moves here.
            </p>
          </header>
          <section class="panel" aria-labelledby="sessions">
            <h2 id="sessions">Checkout Sessions</h2>
            ${table(
              ["Created", "Session", "Amount", "Status", "Payment", ""],
              world.sessions.newestFirst().slice(0, SHOWN_ROWS).map(sessionRow),
            )}
          </section>
          <section class="panel" aria-labelledby="payments">
            <h2 id="payments">Payments</h2>
            ${table(
              ["Created", "PaymentIntent", "Amount", "Status", "Metadata"],
              world.paymentIntents.newestFirst().slice(0, SHOWN_ROWS).map(intentRow),
            )}
          </section>
          <section class="panel" aria-labelledby="events">
            <h2 id="events">Events and their deliveries</h2>
            <p>
              ${webhooks.holding ? button("webhooks/release", "Send what is held") : button("webhooks/hold", "Hold webhooks")}
              ${webhooks.holding ? button("webhooks/release", "Send it in reverse", { reverse: "true" }) : ""}
              ${button("webhooks/disturb", "Send each twice", { duplicates: "1" })}
              ${button("webhooks/disturb", "Opposite order", { reorder: "true" })}
              ${button("webhooks/disturb", "Lose the next", { lose: "1" })}
              ${button("webhooks/calm", "Back to order")}
            </p>
            <p class="soft">
              Now: <code>${JSON.stringify({ holding: webhooks.holding, ...webhooks.disorder })}</code>
            </p>
            ${table(
              ["Created", "Event", "Deliveries", ""],
              world.events
                .newestFirst()
                .slice(0, SHOWN_ROWS)
                .map((event) => eventRow(event, deliveries.get(event.id) ?? [])),
            )}
          </section>
          <section class="panel" aria-labelledby="faults">
            <h2 id="faults">The next request of the API</h2>
            <p>
              ${faultButton("status", "Answer 500")} ${faultButton("latency", "Answer a second late")}
              ${faultButton("drop_before", "Cut before the work")}
              ${faultButton("drop_after", "Cut after the work")} ${faultButton("repeat", "Do it twice")}
              ${faultButton("clear", "Nothing of this")}
            </p>
            ${table(
              ["At", "Request", "Answer"],
              faults.seen
                .slice(-SHOWN_ROWS)
                .reverse()
                .map(
                  (each) =>
                    html`<tr>
                      <td>${each.at}</td>
                      <td><code>${each.method} ${each.path}</code></td>
                      <td>${each.status === 0 ? "cut" : each.status}</td>
                    </tr>`,
                ),
            )}
          </section>
        </main>
      </body>
    </html>`;
}

function table(heads: readonly string[], rows: readonly Html[]): Html {
  if (rows.length === 0) return html`<p class="soft">Nothing yet.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${heads[1]}">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function sessionRow(session: Stripe.Checkout.Session): Html {
  const at = `sessions/${session.id}`;
  return html`<tr>
    <td>${time(session.created)}</td>
    <td><code>${session.id}</code></td>
    <td>${shown(session.amount_total ?? 0, session.currency ?? "usd")}</td>
    <td>${session.status}</td>
    <td class="${session.payment_status === "unpaid" ? "" : "good"}">${session.payment_status}</td>
    <td>
      ${session.url === null ? "" : html`<a class="button" href="${session.url}">Open</a>`}
      ${
        session.status === "open"
          ? html`${button(`${at}/pay`, "Pay")}${button(`${at}/decline`, "Decline")}${button(`${at}/expire`, "Expire")}`
          : ""
      }
      ${session.payment_status === "paid" ? button(`${at}/pay-again`, "Pay a second time") : ""}
      ${
        session.status === "complete" && session.payment_status === "unpaid"
          ? html`${button(`${at}/settle-debit`, "Debit succeeds", { how: "succeeds" })}${button(
              `${at}/settle-debit`,
              "Debit fails",
              { how: "fails" },
            )}`
          : ""
      }
    </td>
  </tr>`;
}

function intentRow(intent: Stripe.PaymentIntent): Html {
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
  </tr>`;
}

function eventRow(event: StoredEvent, deliveries: readonly Delivery[]): Html {
  return html`<tr>
    <td>${time(event.created)}</td>
    <td>${event.type}<br /><code class="soft">${event.id}</code></td>
    <td>
      ${deliveries.length === 0 ? html`<span class="soft">no endpoint</span>` : ""}
      ${deliveries.map(
        (each) =>
          html`<div class="${each.state === "delivered" ? "good" : each.state === "failed" ? "bad" : ""}">
            ${each.state}: ${each.attempts.map(({ status, answer }) => status ?? answer).join(", ")}
            <span class="soft">${each.url}</span>
          </div>`,
      )}
    </td>
    <td>
      ${button(`events/${event.id}/resend`, "Resend")}
      ${button(`events/${event.id}/resend`, "Resend as a new event", { asNewEvent: "true" })}
    </td>
  </tr>`;
}

function button(action: string, label: string, fields: Readonly<Record<string, string>> = {}): Html {
  return html`<form method="post" action="/_control/${action}">
    ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
    <button>${label}</button>
  </form>`;
}

function faultButton(kind: string, label: string): Html {
  return button("page/faults", label, { kind });
}

function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}
