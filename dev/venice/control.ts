/** The control routes and the page of the game's HTTP API: what its answers get wrong. */
import type { Hono } from "hono";
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { z } from "zod";
import { SCRIPT, STYLE } from "../wire/control-form.ts";
import { lossSchema, type Losses } from "./losses.ts";

export type Controlled = { readonly losses: Losses; forgetCitizens(): void; mend(): void };

export function mountControl(app: Hono, api: Controlled): void {
  const { losses } = api;
  app.get("/_control", (context) => context.html(page(losses.planned().length)));
  app.get("/_control/losses", (context) => context.json(losses.planned()));
  app.post("/_control/losses", async (context) => {
    const parsed = lossSchema.safeParse(JSON.parse((await context.req.text()) || "{}"));
    if (!parsed.success) return context.json({ error: z.prettifyError(parsed.error) }, 400);
    losses.plan(parsed.data);
    return context.json(parsed.data, 201);
  });
  app.delete("/_control/losses", (context) => {
    losses.clear();
    return context.body(null, 204);
  });
  app.delete("/_control/cache", (context) => {
    api.forgetCitizens();
    return context.body(null, 204);
  });
  app.post("/_control/mend", (context) => {
    api.mend();
    return context.body(null, 204);
  });
}

function page(planned: number): HtmlEscapedString | Promise<HtmlEscapedString> {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Venice's API, the stand-in</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <h1>Venice's API, the stand-in</h1>
        <p>The game's HTTP API over the same base. Rows, purses and the game itself are on the other page.</p>
        <pre id="answer" role="alert"></pre>
        <section>
          <h2>Make something go wrong</h2>
          <p>
            Airtable refuses the API: sample citizens, an empty list, a refusal without a reason. Planned now:
            ${planned}.
          </p>
          <form data-route="/_control/losses" data-method="POST">
            <select name="route" aria-label="Which route loses Airtable">
              <option value="">any route</option>
              <option value="citizens">GET /citizens</option>
              <option value="citizen">GET /citizens/{username}</option>
              <option value="ledger">GET /get-ledger</option>
              <option value="stratagems">GET /stratagems</option>
              <option value="patch">PATCH /stratagems</option>
              <option value="try-create">POST /stratagems/try-create</option>
            </select>
            <input type="number" name="times" placeholder="times" min="1" aria-label="How many times" />
            <button>Plan</button>
          </form>
          <form data-route="/_control/losses" data-method="DELETE"><button>Clear</button></form>
          <p></p>
          <p>On the way to the API, for the next requests.</p>
          <form data-route="/_control/faults" data-method="POST">
            <select name="kind" aria-label="What goes wrong on the way">
              <option value="status_after">refuses, work done</option>
              <option value="status">refuses, nothing done</option>
              <option value="latency">answers late</option>
              <option value="drop_before">cuts the connection, nothing done</option>
              <option value="drop_after">cuts the connection, work done</option>
              <option value="repeat">does the work twice</option>
            </select>
            <input
              type="number"
              name="status"
              placeholder="status"
              value="504"
              min="400"
              max="599"
              aria-label="Status"
            />
            <input
              type="number"
              name="latencyMs"
              placeholder="late by ms"
              min="0"
              aria-label="Milliseconds late"
            />
            <input type="number" name="times" placeholder="times" min="1" aria-label="How many times" />
            <button>Plan</button>
          </form>
          <form data-route="/_control/faults" data-method="DELETE"><button>Clear</button></form>
          <form data-route="/_control/cache" data-method="DELETE">
            <button>Forget the citizens of the last five minutes</button>
          </form>
        </section>
        <script>
          ${SCRIPT};
        </script>
      </body>
    </html>`;
}
