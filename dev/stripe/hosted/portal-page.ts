/** The billing portal's page: plan, card, invoices; plain HTML. */
import { html } from "hono/html";
import type { Stripe } from "stripe";
import { hasEnded } from "../billing/end.ts";
import { amountOf, nameOf } from "../billing/lines.ts";
import { customerOf } from "../billing/invoice.ts";
import { periodOf } from "../billing/subscription.ts";
import { shown } from "../objects/money.ts";
import { SUCCESS_NUMBER } from "../payments/test-cards.ts";
import { featuresOf, offers } from "../portal/act.ts";
import type { World } from "../world.ts";
import { page, type Html } from "./shell.ts";

type Session = Stripe.BillingPortal.Session;

/** @param problem why the last thing asked for was not done. */
export function portalPage(world: World, session: Session, problem: string | undefined): Html {
  const flow = session.flow?.type;
  const features = featuresOf(world, session);
  const subscriptions = world.billing.subscriptions
    .newestFirst()
    .filter((each) => each.customer === session.customer && !hasEnded(each));
  const shows = (part: "card" | "plan"): boolean =>
    flow === undefined || (part === "card") === (flow === "payment_method_update");
  return page(
    "Billing",
    "one",
    html`<section aria-labelledby="portal">
        <span class="badge">Test mode: no money moves</span>
        <h1 id="portal" style="margin-top:1rem">Billing</h1>
        ${problem === undefined ? "" : html`<p class="alert" role="alert">${problem}</p>`}
        ${session.return_url === null ? "" : html`<p><a href="${session.return_url}">Back to the shop</a></p>`}
      </section>
      ${shows("plan") ? subscriptions.map((each) => planPanel(world, session, each)) : ""}
      ${shows("card") && features.payment_method_update.enabled ? cardPanel(world, session, subscriptions) : ""}
      ${flow === undefined && features.invoice_history.enabled ? invoicePanel(world, session) : ""}`,
  );
}

function form(session: Session, action: string, content: Html | string, label: string): Html {
  return html`<form method="post" action="/p/session/${session.id}">
    ${content}
    <button name="action" value="${action}">${label}</button>
  </form>`;
}

function hidden(name: string, value: string): Html {
  return html`<input type="hidden" name="${name}" value="${value}" />`;
}

function planPanel(world: World, session: Session, subscription: Stripe.Subscription): Html {
  const [item] = subscription.items.data;
  const amount = subscription.items.data.reduce((sum, each) => sum + amountOf(each.price, each.quantity), 0);
  const until = dayOf(subscription.cancel_at ?? periodOf(subscription).end);
  const own = hidden("subscription", subscription.id);
  const { subscription_cancel: cancels } = featuresOf(world, session);
  const flow = session.flow?.type;
  const others = offers(world, session).filter(({ id }) => id !== item?.price.id);
  const confirmed = session.flow?.subscription_update_confirm?.items[0]?.price ?? undefined;
  const offered = confirmed === undefined ? others : others.filter(({ id }) => id === confirmed);
  return html`<section class="panel" aria-label="Subscription">
    <h2>${item ? nameOf(world, item.price) : "Subscription"}: ${shown(amount, subscription.currency)}</h2>
    <p class="soft">
      ${subscription.status}; ${subscription.cancel_at === null ? `renews on ${until}` : `ends on ${until}`}
    </p>
    <div class="actions">
      ${
        flow === "subscription_cancel"
          ? ""
          : offered.map((price) =>
              form(
                session,
                "plan",
                html`${own}${hidden("price", price.id)}`,
                `Change to ${nameOf(world, price)} (${shown(price.unit_amount ?? 0, price.currency)} / ${price.recurring?.interval ?? ""})`,
              ),
            )
      }
      ${
        cancels.enabled && (flow === undefined || flow === "subscription_cancel")
          ? subscription.cancel_at === null
            ? form(session, "cancel", html`${own}${reasons(cancels)}`, "Cancel subscription")
            : form(session, "keep", own, "Don't cancel subscription")
          : ""
      }
    </div>
  </section>`;
}

function reasons({
  cancellation_reason: reason,
}: Stripe.BillingPortal.Configuration.Features.SubscriptionCancel): Html | string {
  if (!reason.enabled) return "";
  return html`<label class="field">
    Why do you leave?
    <select name="feedback">
      ${reason.options.map((each) => html`<option value="${each}">${each}</option>`)}
    </select>
  </label>`;
}

function cardPanel(world: World, session: Session, subscriptions: readonly Stripe.Subscription[]): Html {
  const customer = customerOf(world, session);
  const methods = world.paymentMethods.newestFirst().filter((each) => each.customer === session.customer);
  const isDefault = (id: string): boolean => customer.invoice_settings.default_payment_method === id;
  return html`<section class="panel" aria-label="Payment method">
    <h2>Payment method</h2>
    ${methods.map(
      ({ id, card }) =>
        html`<p>
          ${card?.brand ?? "card"} ending in ${card?.last4 ?? ""}
          ${isDefault(id) ? html`<strong>default</strong>` : ""}
          ${isDefault(id) ? "" : form(session, "default", hidden("method", id), "Make default")}
          ${form(session, "detach", hidden("method", id), "Remove")}
        </p>`,
    )}
    ${form(
      session,
      "card",
      html`<label class="field"
          >Card number <input type="text" name="card" value="${SUCCESS_NUMBER}"
        /></label>
        <label class="field">
          For
          <select name="subscription">
            <option value="">all that have no card of their own</option>
            ${subscriptions.map((each) => html`<option value="${each.id}">${each.id}</option>`)}
          </select>
        </label>`,
      "Add this card",
    )}
  </section>`;
}

function invoicePanel(world: World, session: Session): Html {
  const invoices = world.billing.invoices
    .newestFirst()
    .filter(({ customer, status }) => customer === session.customer && status !== "draft");
  return html`<section class="panel" aria-label="Invoices">
    <h2>Invoices</h2>
    <ul class="items">
      ${invoices.map(
        (invoice) =>
          html`<li>
            <a href="${invoice.hosted_invoice_url ?? "#"}">${invoice.number ?? invoice.id}</a>
            <span>${shown(invoice.total, invoice.currency)} ${invoice.status}</span>
          </li>`,
      )}
    </ul>
  </section>`;
}

/** Where a stored card's holder proves who they are. */
export function portalProofPage(session: Session, setupIntent: string, subscription: string): Html {
  return page(
    "3-D Secure",
    "one",
    html`<section class="panel">
      <h1>Is it you who stores this card?</h1>
      <form method="post" action="/p/session/${session.id}">
        ${hidden("action", "prove")}${hidden("setup_intent", setupIntent)}${hidden("subscription", subscription)}
        <div class="actions">
          <button class="first" name="proof" value="complete">Complete authentication</button>
          <button name="proof" value="fail">Fail authentication</button>
        </div>
      </form>
    </section>`,
  );
}

function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
