/** The one page that functions render themselves: a refusal, for a form sent without JavaScript. */
import { escapeHtml } from "../html.ts";

type Shown = { readonly title: string; readonly detail: string; readonly requestId: string };

export function problemPage({ title, detail, requestId }: Shown): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>:root{color-scheme:light dark}body{font:1.1rem/1.6 Georgia,serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem}
small{opacity:.7}</style></head>
<body><main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(detail)}</p>
<p><a href="/">Back to the start</a></p><p><small>Request ${escapeHtml(requestId)}</small></p></main></body></html>`;
}
