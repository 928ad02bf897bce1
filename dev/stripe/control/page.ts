/** The control page for people: what was sold, paid and told, and the switches for a bad day. */
import { html, raw } from "hono/html";
import type { Stripe } from "stripe";
import { style } from "../hosted/style.ts";
import { shown } from "../objects/money.ts";
import type { Delivery } from "../webhooks/deliver.ts";
import { balanceOf } from "../objects/balance.ts";
import { sweep } from "../sweep.ts";
import type { StoredEvent, World } from "../world.ts";
import { invoiceRow, subscriptionRow, timeLine } from "./billing-rows.ts";
import { button, table, time, type Html } from "./elements.ts";
import { disputeRow, intentRow, payoutRow, refundRow } from "./payment-rows.ts";
import type { Controlled } from "./routes.ts";
import { idOf } from "../reference.ts";

const SHOWN_ROWS = 50;

const layout = raw(`
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; display: grid; gap: 1.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .5rem .9rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
form { display: inline-flex; gap: .4rem; margin: 0 .4rem .4rem 0; }
button, .button { padding: .35rem .7rem; font-size: .88rem; }
input[type=number], select { width: auto; max-width: 9rem; padding: .35rem .5rem; font-size: .88rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
`);

export function controlPage({ world, webhooks, faults, passing }: Controlled): Html {
  sweep(world);
  const deliveries = Map.groupBy(webhooks.deliveries, (delivery) => delivery.eventId);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Stripe stand-in</title>
        ${passing.until() ? html`<meta http-equiv="refresh" content="1" />` : ""}
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
              world.sessions
                .newestFirst()
                .slice(0, SHOWN_ROWS)
                .map((session) => sessionRow(session, world.paymentIntents)),
            )}
          </section>
          <section class="panel" aria-labelledby="payments">
            <h2 id="payments">Payments</h2>
            ${table(
              ["Created", "PaymentIntent", "Amount", "Status", "Metadata", ""],
              world.paymentIntents.newestFirst().slice(0, SHOWN_ROWS).map(intentRow),
            )}
          </section>
          <section class="panel" aria-labelledby="time">
            <h2 id="time">Time</h2>
            <p>Now: ${time(world.seconds())}. ${timeLine(passing.until())}</p>
            <p class="soft">
              All that npm start runs goes along: the functions and what they do by the hour, Venice, the
              mailbox. Your session may be over then: sign in again. Time goes back only when the stand-ins
              are started again. Functions that Netlify bundles (netlify dev alone, npm start -- --bundled)
              keep the machine's time: don't move it there.
            </p>
          </section>
          <section class="panel" aria-labelledby="subscriptions">
            <h2 id="subscriptions">Subscriptions</h2>
            ${table(
              ["Created", "Subscription", "For", "Status", "Period"],
              world.billing.subscriptions
                .newestFirst()
                .slice(0, SHOWN_ROWS)
                .map((each) => subscriptionRow(world, each)),
            )}
          </section>
          <section class="panel" aria-labelledby="invoices">
            <h2 id="invoices">Invoices</h2>
            ${table(
              ["Created", "Invoice", "Due", "Status", ""],
              world.billing.invoices
                .newestFirst()
                .slice(0, SHOWN_ROWS)
                .map((each) => invoiceRow(world, each)),
            )}
          </section>
          <section class="panel" aria-labelledby="refunds">
            <h2 id="refunds">Refunds</h2>
            ${table(
              ["Created", "Refund", "Amount", "Status", ""],
              world.refunds.newestFirst().slice(0, SHOWN_ROWS).map(refundRow),
            )}
          </section>
          <section class="panel" aria-labelledby="disputes">
            <h2 id="disputes">Disputes</h2>
            ${table(
              ["Created", "Dispute", "Amount", "Status", ""],
              world.disputes.newestFirst().slice(0, SHOWN_ROWS).map(disputeRow),
            )}
          </section>
          <section class="panel" aria-labelledby="payouts">
            <h2 id="payouts">Balance and payouts</h2>
            <p>${balanceLine(world)} ${button("payouts", "Pay out what is available")}</p>
            ${table(
              ["Created", "Payout", "Amount", "Status", ""],
              world.payouts.newestFirst().slice(0, SHOWN_ROWS).map(payoutRow),
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
              ${webhooks.holding ? button("webhooks/discard", "Never send what is held") : ""}
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

function balanceLine(world: World): string {
  const line = (parts: readonly { amount: number; currency: string }[]) =>
    parts.map(({ amount, currency }) => shown(amount, currency)).join(", ");
  const { available, pending } = balanceOf(world);
  return `${line(available)} available, ${line(pending)} pending.`;
}

/** A payment on its way: a debit is processed by the bank, a transfer is awaited from the customer. */
function awaitedButtons(
  session: Stripe.Checkout.Session,
  intent: Stripe.PaymentIntent | undefined,
): Html | string {
  const debit = `sessions/${session.id}/settle-debit`;
  const transfer = `sessions/${session.id}/settle-transfer`;
  if (intent?.status === "processing") {
    return html`${button(debit, "Debit succeeds", { how: "succeeds" })}${button(debit, "Debit fails", {
      how: "fails",
    })}`;
  }
  if (intent?.status !== "requires_action") return "";
  return html`${button(transfer, "Transfer arrives", { how: "arrives" })}${button(
    transfer,
    "Transfer never arrives",
    { how: "never_arrives" },
  )}`;
}

function sessionRow(session: Stripe.Checkout.Session, intents: World["paymentIntents"]): Html {
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
          ? awaitedButtons(session, intents.get(idOf(session.payment_intent)))
          : ""
      }
    </td>
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

function faultButton(kind: string, label: string): Html {
  return button("page/faults", label, { kind });
}
