/** Where a card's holder proves who they are (3-D Secure): here, by saying whether it succeeds. */
import { html } from "hono/html";
import type { Stripe } from "stripe";
import { shown } from "../objects/money.ts";
import { page, type Html } from "./shell.ts";

export function authenticationPage(session: Stripe.Checkout.Session): Html {
  if (session.mode === "setup") return proofPage("stores this card");
  return proofPage(`pays ${shown(session.amount_total ?? 0, session.currency ?? "usd")}`);
}

/** @param what the holder does, as in: is it you who … */
export function proofPage(what: string): Html {
  return page(
    "3-D Secure",
    "one",
    html`<section class="panel" aria-labelledby="who">
      <span class="badge">Test mode: no money moves</span>
      <h1 id="who" style="margin-top:1rem">Is it you who ${what}?</h1>
      <p class="soft">Your bank would ask for a code or its app here. Say what comes of it.</p>
      <form method="post">
        <div class="actions">
          <button class="first" name="action" value="complete">Complete authentication</button>
          <button name="action" value="fail">Fail authentication</button>
        </div>
      </form>
    </section>`,
  );
}
