/** The mailbox as a person reads it: every message, its text, and its HTML in a frame that can run nothing; previews, too. */
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { Message, Preview } from "./start.ts";

const STYLE = raw(`
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #383c44); --soft: light-dark(#5d6572, #a0a8b4);
  --card: light-dark(#ffffff, #22252b); --accent: light-dark(#1f5fa8, #86b8f2); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif;
  background: light-dark(#f3f5f8, #17191d); color: light-dark(#1d2129, #e7eaf0); }
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: baseline; justify-content: space-between; }
h1 { font: 600 1.6rem/1.2 Georgia, serif; margin: 0; } p { color: var(--soft); }
a { color: var(--accent); } details { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  margin: .75rem 0; } summary { padding: .75rem 1rem; cursor: pointer; } summary small { color: var(--soft); display: block; }
.body { border-top: 1px solid var(--line); padding: 1rem; } dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem 1rem;
  margin: 0 0 1rem; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: 0 0 1rem; }
h2 { font: 600 1.15rem/1.3 Georgia, serif; margin: 0 0 .75rem; } h2 small { font: .8rem ui-monospace, monospace; color: var(--soft); }
section { margin: 2.5rem 0; scroll-margin-top: 1rem; } section iframe { height: 44rem; } nav { columns: 16rem; } nav a { display: block; padding: .15rem 0; }
pre.columns { font: .85rem/1.5 ui-monospace, monospace; white-space: pre; overflow-x: auto; margin: 0; }
iframe { width: 100%; height: 26rem; border: 1px solid var(--line); border-radius: .4rem; background: #fff; }
button { font: inherit; padding: .3rem .8rem; border-radius: .4rem; border: 1px solid var(--line); background: transparent;
  color: inherit; cursor: pointer; } :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
`);

const SCRIPT = raw(`
document.querySelector("#empty").addEventListener("click", async () => {
  await fetch("/_control/messages", { method: "DELETE" });
  location.reload();
});
`);

type Markup = HtmlEscapedString | Promise<HtmlEscapedString>;

/** Splits off addresses of pages, so that a confirmation link can be followed. */
function linked(text: string): (string | Markup)[] {
  return text
    .split(/(https?:\/\/[^\s<>"']+)/)
    .map((part, index) =>
      index % 2 === 1 ? html`<a href="${part}" target="_blank" rel="noreferrer">${part}</a>` : part,
    );
}

function entry(name: string, addresses: readonly string[]): Markup | string {
  return addresses.length === 0
    ? ""
    : html`<dt>${name}</dt>
        <dd>${addresses.join(", ")}</dd>`;
}

/** The frame runs no script; its links open beside the mailbox. */
function frame(document: string): Markup {
  return html`<iframe
    sandbox="allow-popups allow-popups-to-escape-sandbox"
    title="The message as HTML"
    srcdoc="${`<base target="_blank">${document}`}"
  ></iframe>`;
}

function messageView(message: Message, open: boolean): Markup {
  return html`<details ${open ? raw("open") : ""}>
    <summary>
      <strong>${message.subject}</strong>
      <small>to ${message.to.join(", ")}, ${message.at}</small>
    </summary>
    <div class="body">
      <dl>
        ${entry("From", [message.from])} ${entry("To", message.to)} ${entry("Cc", message.cc)}
        ${entry("Bcc", message.bcc)} ${entry("Reply to", message.replyTo)}
      </dl>
      ${message.text === null ? "" : html`<pre>${linked(message.text)}</pre>`}
      ${message.html === null ? "" : frame(message.html)}
    </div>
  </details>`;
}

/** @param hasPreviews links to them. */
export function mailboxPage(messages: readonly Message[], hasPreviews: boolean): Markup {
  const newestFirst = [...messages].reverse();
  const body = html`<header>
      <h1>Mailbox</h1>
      <span>
        ${hasPreviews ? html`<a href="/previews">Every letter there is</a> ` : ""}<a href="/">Look again</a>
        <button id="empty">Empty it</button>
      </span>
    </header>
    ${newestFirst.length === 0 ? html`<p>No message yet.</p>` : ""}
    ${newestFirst.map((each, index) => messageView(each, index === 0))}
    <script>
      ${SCRIPT};
    </script>`;
  return page(`Mailbox (${messages.length})`, body);
}

export function previewsPage(previews: readonly Preview[]): Markup {
  const body = html`<header>
      <h1>Every letter there is</h1>
      <span><a href="/">Mailbox</a></span>
    </header>
    <p>Written from samples, as a mail program shows them; below each, the same as plain text.</p>
    <nav>${previews.map(({ name, subject }) => html`<a href="#${name}">${subject}</a>`)}</nav>
    ${previews.map(previewView)}`;
  return page("Every letter there is", body);
}

function previewView(preview: Preview): Markup {
  return html`<section id="${preview.name}">
    <h2>${preview.subject} <small>${preview.name}</small></h2>
    ${frame(preview.html)}
    <details>
      <summary>As plain text</summary>
      <div class="body"><pre class="columns">${linked(preview.text)}</pre></div>
    </details>
  </section>`;
}

function page(title: string, body: Markup): Markup {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html>`;
}
