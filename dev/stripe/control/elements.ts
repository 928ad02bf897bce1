/** What the sections of the control page are made of. */
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

export function table(heads: readonly string[], rows: readonly Html[]): Html {
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

export function button(action: string, label: string, fields: Readonly<Record<string, string>> = {}): Html {
  return html`<form method="post" action="/_control/${action}">
    ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
    <button>${label}</button>
  </form>`;
}

/** A button with an amount beside it; left empty it means all there is. */
export function amountForm(action: string, label: string, fields: Html | string = ""): Html {
  return html`<form method="post" action="/_control/${action}">
    <input type="number" name="amount" min="1" placeholder="all, or cents" aria-label="Cents" />
    ${fields}
    <button>${label}</button>
  </form>`;
}

export function select(name: string, label: string, values: readonly string[]): Html {
  return html`<select name="${name}" aria-label="${label}">
    ${values.map((value) => html`<option value="${value}">${value}</option>`)}
  </select>`;
}

export function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}
