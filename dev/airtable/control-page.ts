/** The page a person uses to watch purses and stratagems, run the game and make things go wrong. */
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { SCRIPT, STYLE } from "../wire/control-form.ts";
import type { RecordJson } from "./base.ts";
import { spoilForms, switches, type Switches } from "./control-switches.ts";

type Markup = HtmlEscapedString | Promise<HtmlEscapedString>;

const DUCATS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 });

function text(record: RecordJson, field: string): string {
  const value = record.fields[field];
  return value === undefined ? "" : String(value);
}

function citizenRow(citizen: RecordJson): Markup {
  const username = text(citizen, "Username");
  const ducats = citizen.fields["Ducats"];
  const shown = typeof ducats === "number" ? DUCATS.format(ducats) : "";
  const route = `/_control/citizens/${encodeURIComponent(username)}/ducats`;
  return html`<tr>
    <td>${username}</td>
    <td>${text(citizen, "FirstName")} ${text(citizen, "LastName")}</td>
    <td>${text(citizen, "SocialClass")}${citizen.fields["InVenice"] === true ? "" : ", away"}</td>
    <td class="number">${shown}</td>
    <td>
      <form data-route="${route}" data-method="PUT">
        <input type="number" step="any" name="ducats" required aria-label="Ducats of ${username}" />
        <button>Set purse</button>
      </form>
    </td>
  </tr>`;
}

function stratagemRow(stratagem: RecordJson): Markup {
  const status = text(stratagem, "Status");
  return html`<tr>
    <td>
      ${text(stratagem, "StratagemId")}
      <form data-route="/_control/game/run" data-method="POST">
        <input type="hidden" name="stratagemId" value="${text(stratagem, "StratagemId")}" />
        <button title="Whatever its status and expiry">Run this one</button>
      </form>
      ${spoilForms(stratagem)}
    </td>
    <td><span class="status ${status}">${status}</span></td>
    <td>${text(stratagem, "ExecutedBy")}<br />to ${text(stratagem, "TargetCitizen")}</td>
    <td>${text(stratagem, "ExpiresAt")}</td>
    <td><pre>${text(stratagem, "Notes")}</pre></td>
  </tr>`;
}

export function controlPage(
  state: Switches & { readonly citizens: readonly RecordJson[]; readonly stratagems: readonly RecordJson[] },
): Markup {
  const newestFirst = [...state.stratagems].reverse();
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Venice, the stand-in</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <h1>Venice, the stand-in</h1>
        <p>Airtable and the game behind it, in this process. The game runs when you say so.</p>
        <form data-route="/_control/game/run" data-method="POST">
          <button class="main">Run the game now</button>
        </form>
        <pre id="answer" role="alert"></pre>
        <section>
          <h2>Stratagems</h2>
          ${
            newestFirst.length === 0
              ? html`<p>None yet.</p>`
              : html`<table>
                  <tr>
                    <th>Stratagem</th>
                    <th>Status</th>
                    <th>From, to</th>
                    <th>Expires</th>
                    <th>Notes</th>
                  </tr>
                  ${newestFirst.map(stratagemRow)}
                </table>`
          }
        </section>
        <section>
          <h2>Citizens</h2>
          <table>
            <tr>
              <th>Username</th>
              <th>Name</th>
              <th>Class</th>
              <th class="number">Ducats</th>
              <th>Purse</th>
            </tr>
            ${state.citizens.map(citizenRow)}
          </table>
        </section>
        ${switches(state)}
        <script>
          ${SCRIPT};
        </script>
      </body>
    </html>`;
}
