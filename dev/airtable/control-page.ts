/** The page a person uses to watch purses and stratagems, run the game and make things go wrong. */
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { RecordJson } from "./base.ts";
import type { GameFault } from "./game/faults.ts";

const STYLE = raw(`
:root { color-scheme: light dark; --line: light-dark(#d9d2c3, #3c3a35); --soft: light-dark(#6d675c, #a39d90);
  --card: light-dark(#fffdf8, #24221e); --accent: light-dark(#8a2b1f, #e2836f); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif;
  background: light-dark(#f6f1e7, #191815); color: light-dark(#24211b, #ece6da); }
h1 { font: 600 1.6rem/1.2 Georgia, serif; margin: 0 0 .25rem; } h2 { font: 600 1.15rem/1.2 Georgia, serif; margin: 0 0 .75rem; }
p { margin: 0 0 .75rem; color: var(--soft); } section { background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; padding: 1rem 1.25rem; margin: 1.25rem 0; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-top: 1px solid var(--line); } th { color: var(--soft); font-weight: 500; border-top: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; min-width: 14rem; max-width: 32rem; }
td form { flex-wrap: nowrap; } td button { white-space: nowrap; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: 0; }
button, input, select { font: inherit; padding: .3rem .7rem; border-radius: .4rem; border: 1px solid var(--line);
  background: transparent; color: inherit; min-height: 2.25rem; } input[type=number] { width: 8rem; }
button { cursor: pointer; } button.main { background: var(--accent); border-color: var(--accent);
  color: light-dark(#fff, #1d1512); } :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.status { border: 1px solid currentColor; border-radius: 1rem; padding: .05rem .6rem; font-size: .85rem; }
.executed { color: light-dark(#1f6b3a, #7ccf98); } .failed, .error { color: light-dark(#a3211b, #f0938a); }
#answer:empty { display: none; }
`);

/** Each form names its route; its fields become the JSON body, empty ones left out. */
const SCRIPT = raw(`
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.value === "") continue;
    body[field.name] = field.type === "number" ? Number(field.value) : field.value;
  }
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  const response = await fetch(form.dataset.route, {
    method: form.dataset.method,
    ...(form.dataset.method === "DELETE" ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  if (response.ok) { location.reload(); return; }
  document.querySelector("#answer").textContent = await response.text();
  for (const button of form.querySelectorAll("button")) button.disabled = false;
});
`);

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
    </td>
    <td><span class="status ${status}">${status}</span></td>
    <td>${text(stratagem, "ExecutedBy")}<br />to ${text(stratagem, "TargetCitizen")}</td>
    <td>${text(stratagem, "ExpiresAt")}</td>
    <td><pre>${text(stratagem, "Notes")}</pre></td>
  </tr>`;
}

function faultForms(planned: readonly GameFault[]): Markup {
  return html`<section>
    <h2>Make something go wrong</h2>
    <p>Inside the game, at its next transfer. Planned now: ${planned.length}.</p>
    <form data-route="/_control/game/faults" data-method="POST">
      <select name="kind" aria-label="What goes wrong in the game">
        <option value="stop">The process dies</option>
        <option value="processing_error">Processing error</option>
        <option value="logic_failure">The processor gives up silently</option>
        <option value="background_error">Background error, notes lost</option>
      </select>
      <select name="at" aria-label="When">
        <option value="after_debit">after the payer is debited</option>
        <option value="after_credit">after the payee is credited</option>
        <option value="before_debit">before anything is written</option>
      </select>
      <button>Plan</button>
    </form>
    <form data-route="/_control/game/faults" data-method="DELETE">
      <button>Clear the game's faults</button>
    </form>
    <p></p>
    <p>On Airtable's side, for the next requests.</p>
    <form data-route="/_control/faults" data-method="POST">
      <select name="kind" aria-label="What goes wrong at Airtable">
        <option value="latency">answers late</option>
        <option value="status">refuses</option>
        <option value="drop_before">cuts the connection, nothing done</option>
        <option value="drop_after">cuts the connection, work done</option>
        <option value="repeat">does the work twice</option>
      </select>
      <input type="number" name="status" placeholder="status" min="400" max="599" aria-label="Status" />
      <input type="number" name="latencyMs" placeholder="late by ms" min="0" aria-label="Milliseconds late" />
      <input type="number" name="times" placeholder="times" min="1" aria-label="How many times" />
      <button>Plan</button>
    </form>
    <form data-route="/_control/faults" data-method="DELETE"><button>Clear Airtable's faults</button></form>
    <form data-route="/_control/limit" data-method="DELETE"><button>End a rate-limit penalty</button></form>
  </section>`;
}

export function controlPage(state: {
  citizens: readonly RecordJson[];
  stratagems: readonly RecordJson[];
  gameFaults: readonly GameFault[];
}): Markup {
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
        ${faultForms(state.gameFaults)}
        <script>
          ${SCRIPT};
        </script>
      </body>
    </html>`;
}
