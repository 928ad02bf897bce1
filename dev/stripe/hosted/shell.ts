/** The frame of every hosted page: one column or two, no script. */
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { style } from "./style.ts";

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

const layout = raw(`
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; display: grid; gap: 1.5rem; }
@media (min-width: 48rem) { main.two { grid-template-columns: 1fr 1fr; align-items: start; padding-top: 4rem; } }
main.one { max-width: 34rem; }
.total { font-size: 2.4rem; font-weight: 650; letter-spacing: -.02em; margin: .25rem 0 1.25rem; }
ul.items { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
ul.items li { display: flex; justify-content: space-between; gap: 1rem; padding: .8rem 0; border-bottom: 1px solid var(--line); }
.field { margin: 0 0 1.1rem; }
.field label, legend { display: block; font-weight: 600; margin: 0 0 .35rem; }
.field small { display: block; color: var(--soft); margin-top: .35rem; }
fieldset { border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem; margin: 0 0 1.1rem; }
fieldset label { display: flex; gap: .6rem; align-items: baseline; padding: .2rem 0; }
.actions { display: grid; gap: .7rem; margin-top: 1.4rem; }
details { margin-top: 1.4rem; } summary { cursor: pointer; }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; font-size: .9rem; }
td, th { text-align: left; padding: .3rem .5rem .3rem 0; vertical-align: top; }
`);

export function page(title: string, columns: "one" | "two", content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        <style>
          ${style}${layout}
        </style>
      </head>
      <body>
        <main class="${columns}">${content}</main>
      </body>
    </html>`;
}

/** A page that only says something: a payment that is done or over, a receipt, an address that leads nowhere. */
export function closedPage(title: string, text: string, back: string | null): Html {
  return page(
    title,
    "one",
    html`<section class="panel">
      <span class="badge">Test mode</span>
      <h1 style="margin-top:1rem">${title}</h1>
      <p class="soft">${text}</p>
      ${back === null ? "" : html`<p><a class="button first" href="${back}">Back to the shop</a></p>`}
    </section>`,
  );
}
