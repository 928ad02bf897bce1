/** The control centre: one page with every address of the dev stack and a button for everything that is scheduled. */
import { Hono } from "hono";
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { Schedules } from "./schedules.ts";
import { serve, type Served } from "./wire/serve.ts";

export type Address = { readonly name: string; readonly url: string; readonly about: string };

type Markup = HtmlEscapedString | Promise<HtmlEscapedString>;

const STYLE = raw(`
:root { color-scheme: light dark; --line: light-dark(#d9d2c3, #3c3a35); --soft: light-dark(#6d675c, #a39d90);
  --card: light-dark(#fffdf8, #24221e); --accent: light-dark(#8a2b1f, #e2836f); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 56rem; padding: 2rem 1.5rem; font: 16px/1.5 system-ui, sans-serif;
  background: light-dark(#f6f1e7, #191815); color: light-dark(#24211b, #ece6da); }
h1 { font: 600 1.8rem/1.2 Georgia, serif; margin: 0 0 .25rem; } h2 { font: 600 1.15rem/1.2 Georgia, serif; margin: 2rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; } p { margin: 0; color: var(--soft); } a { color: var(--accent); }
ul { list-style: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
li { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between; padding: .8rem 1.1rem; }
li + li { border-top: 1px solid var(--line); } li > div { flex: 1 1 22rem; min-width: 0; }
code { font-size: .85rem; overflow-wrap: anywhere; } form { margin: 0; }
button { font: inherit; min-height: 2.5rem; padding: .3rem 1rem; border-radius: .4rem; border: 1px solid var(--accent);
  background: var(--accent); color: light-dark(#fff, #1d1512); cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.bad { color: light-dark(#a3211b, #f0938a); }
`);

/** @throws the listener's error when the port is taken. */
export async function startCentre(options: {
  readonly port: number;
  readonly addresses: readonly Address[];
  readonly schedules: Schedules;
}): Promise<Served> {
  const { addresses, schedules } = options;
  const app = new Hono();
  app.get("/", (context) => context.html(page(addresses, schedules)));
  app.get("/_control/schedules", (context) =>
    context.json(
      schedules
        .list()
        .map(({ job, next, last }) => ({ name: job.name, cron: job.cron, about: job.about, next, last })),
    ),
  );
  app.post("/_control/schedules/:name", async (context) => {
    // A foreign page in the same browser could post here.
    if (context.req.header("sec-fetch-site") === "cross-site")
      return context.json({ error: "from this page only" }, 403);
    const firing = await schedules.fire(context.req.param("name"));
    if (!firing) return context.json({ error: `nothing is scheduled as ${context.req.param("name")}` }, 404);
    const fromPage =
      context.req.header("content-type")?.startsWith("application/x-www-form-urlencoded") ?? false;
    return fromPage ? context.redirect("/", 303) : context.json(firing, firing.ok ? 200 : 502);
  });
  return serve(app, options.port);
}

function page(addresses: readonly Address[], schedules: Schedules): Markup {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>CASCADE, in development</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <main>
          <h1>CASCADE, in development</h1>
          <p>The stand-ins run on this machine: no money, no ducat and no message leaves them.</p>
          <h2>Addresses</h2>
          <ul>
            ${addresses.map(
              ({ name, url, about }) =>
                html`<li>
                  <div>
                    <h3>${url.startsWith("http") ? html`<a href="${url}">${name}</a>` : name}</h3>
                    <p>${about}</p>
                  </div>
                  <code>${url}</code>
                </li>`,
            )}
          </ul>
          <h2>Schedules</h2>
          <ul>
            ${schedules.list().map(scheduleItem)}
          </ul>
        </main>
      </body>
    </html>`;
}

function scheduleItem({ job, next, last }: ReturnType<Schedules["list"]>[number]): Markup {
  const due = next ? `next ${clock(next)}` : "not started yet";
  return html`<li>
    <div>
      <h3>${job.name}</h3>
      <p>${job.about}</p>
      <p><code>${job.cron}</code>, ${due}</p>
      ${last ? html`<p class="${last.ok ? "" : "bad"}">${clock(last.at)}, ${last.ms} ms: <code>${last.said}</code></p>` : ""}
    </div>
    <form method="post" action="/_control/schedules/${encodeURIComponent(job.name)}">
      <button>Fire now</button>
    </form>
  </li>`;
}

function clock(at: Date): string {
  return `${at.toISOString().slice(11, 19)} UTC`;
}
