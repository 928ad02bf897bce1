/** The control page's forms for all that goes wrong: rows at rest, the game at work, Airtable itself. */
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { RecordJson } from "./base.ts";
import { rowDefects, type RowDefect } from "./game/defects.ts";
import type { GameFault } from "./game/faults.ts";

type Markup = HtmlEscapedString | Promise<HtmlEscapedString>;

export type Switches = { readonly gameFaults: readonly GameFault[]; readonly isScheduleDead: boolean };

const DEFECTS: Readonly<Record<RowDefect, string>> = {
  expire: "it expires",
  forge_executed: "forged as executed",
  forge_failed: "forged as failed",
  alter_amount: "another amount",
  alter_target: "another receiver",
  double: "a second row of it",
};

/** Below a stratagem: what can be done to it. */
export function spoilForms({ id }: RecordJson): Markup {
  return html`<form data-route="/_control/stratagems/${id}/spoil" data-method="POST">
      <select name="kind" aria-label="What happens to this row">
        ${rowDefects.map((kind) => html`<option value="${kind}">${DEFECTS[kind]}</option>`)}
      </select>
      <button>Spoil</button>
    </form>
    <form data-route="/_control/records/STRATAGEMS/${id}" data-method="DELETE">
      <button>Delete</button>
    </form>`;
}

export function switches(state: Switches): Markup {
  return html`<section>
    <h2>Make something go wrong</h2>
    ${gameForms(state)} ${airtableForms()}
  </section>`;
}

function gameForms({ gameFaults, isScheduleDead }: Switches): Markup {
  return html`<p>Inside the game, at its next transfer. Planned now: ${gameFaults.length}.</p>
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
    <form data-route="/_control/game/faults" data-method="POST">
      <input type="hidden" name="kind" value="twice" />
      <button>Execute the next row twice</button>
    </form>
    <form data-route="/_control/game/faults" data-method="DELETE">
      <button>Clear the game's faults</button>
    </form>
    <form data-route="/_control/game/schedule" data-method="PUT">
      <input type="hidden" name="state" value="${isScheduleDead ? "alive" : "dead"}" />
      <button>${isScheduleDead ? "Revive the schedule (it takes nothing now)" : "Kill the schedule"}</button>
    </form>
    <form data-route="/_control/game/answers" data-method="PUT">
      <select name="when" aria-label="When try-create answers">
        <option value="begun">try-create answers when processing has begun</option>
        <option value="done">try-create answers when processing is done</option>
      </select>
      <button>Set</button>
    </form>
    <form data-route="/_control/stranger" data-method="POST">
      <input name="citizen" value="gondoliere_77" required aria-label="Stranger" />
      <input type="number" name="ducats" value="250" min="1" step="any" required aria-label="Ducats" />
      <button>A stranger spends the processor's purse</button>
    </form>`;
}

function airtableForms(): Markup {
  return html`<p></p>
    <p>On Airtable's side, for the next requests.</p>
    <form data-route="/_control/faults" data-method="POST">
      <select name="kind" aria-label="What goes wrong at Airtable">
        <option value="latency">answers late</option>
        <option value="status">refuses</option>
        <option value="status_after">refuses, work done</option>
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
    <form data-route="/_control/mend" data-method="POST">
      <button>End every switch of the game</button>
    </form>`;
}
