/** A letter as HTML for mail programs: one column, styles at each element, a dark scheme where the program knows one. */
import { escapeHtml } from "../html.ts";
import type { Block, Sheet } from "./letter.ts";

// The colours of site/src/styles/tokens.css; mail programs know no variables.
const light = {
  paper: "#f6f0e2",
  raised: "#fdfaf2",
  ink: "#16282e",
  soft: "#4c5b5e",
  line: "#d8cbae",
  link: "#17566a",
  button: "#96291d",
  onButton: "#fdfaf2",
};
const dark: typeof light = {
  paper: "#0d1a1e",
  raised: "#15282e",
  ink: "#efe7d4",
  soft: "#abb8b4",
  line: "#2c434a",
  link: "#8fc9d6",
  button: "#ddb75f",
  onButton: "#14242a",
};
const lagoon = "#0e323c";
const onLagoon = "#f4ecd8";
const gold = "#ddb75f";

const serif = "'Iowan Old Style','Palatino Linotype',Palatino,Georgia,serif";
const sans = "Optima,Candara,'Segoe UI','Helvetica Neue',Helvetica,Arial,sans-serif";

// Only a stylesheet knows the reader's scheme, and only `!important` outweighs an element's own style.
const darkStyles = `.paper{background:${dark.paper}!important}
.sheet{background:${dark.raised}!important;border-color:${dark.line}!important}
.ink{color:${dark.ink}!important}.soft{color:${dark.soft}!important}
.rule{border-color:${dark.line}!important}.link{color:${dark.link}!important}
.button{background:${dark.button}!important;color:${dark.onButton}!important}`;

export function htmlForm({ subject, blocks, footer, site }: Sheet): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(subject)}</title>
<style>:root{color-scheme:light dark}
@media (prefers-color-scheme:dark){${darkStyles}}</style>
</head>
<body class="paper" style="margin:0;background:${light.paper}">
<div class="paper" style="padding:32px 12px 40px;background:${light.paper}">
<div style="max-width:560px;margin:0 auto;font:16px/1.6 ${sans}">
<div style="padding:20px 33px 18px;background:${lagoon};border-bottom:3px solid ${gold}">
<p style="margin:0;font:500 19px/1.3 ${serif};letter-spacing:.22em;color:${onLagoon}">CASCADE</p>
</div>
<div class="sheet" style="padding:32px 32px 14px;background:${light.raised};border:1px solid ${light.line};border-top:0">
<h1 class="ink" style="margin:0 0 18px;font:500 27px/1.25 ${serif};color:${light.ink}">${escapeHtml(subject)}</h1>
${blocks.map(blockHtml).join("\n")}
</div>
<p class="soft" style="margin:18px 33px 0;font-size:13px;line-height:1.6;color:${light.soft}">${escapeHtml(footer)}<br>
<a class="link" href="${escapeHtml(site)}" style="color:${light.link}">${escapeHtml(site)}</a></p>
</div>
</div>
</body>
</html>
`;
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case "text":
      return `<p class="ink" style="margin:0 0 18px;color:${light.ink};overflow-wrap:anywhere">${escapeHtml(block.text)}</p>`;
    case "action":
      return actionHtml(escapeHtml(block.label), escapeHtml(block.url));
    case "facts":
      return `<dl style="margin:4px 0 22px">${block.rows
        .map(({ name, value }) => factHtml(escapeHtml(name), escapeHtml(value)))
        .join("")}</dl>`;
  }
}

function actionHtml(label: string, url: string): string {
  return `<p style="margin:24px 0 14px"><a class="button" href="${url}" style="display:inline-block;padding:12px 26px;border-radius:3px;background:${light.button};color:${light.onButton};font-weight:600;text-decoration:none">${label}</a></p>
<p class="soft" style="margin:0 0 20px;font-size:13px;line-height:1.5;color:${light.soft}">Or open this address:<br>
<a class="link" href="${url}" style="color:${light.link};overflow-wrap:anywhere;word-break:break-word">${url}</a></p>`;
}

/** Two boxes in a line, without a table: they keep their places where a program knows nothing newer. */
function factHtml(name: string, value: string): string {
  const box = "display:inline-block;vertical-align:top;margin:0;box-sizing:border-box";
  return `<div class="rule" style="padding:9px 0;border-top:1px solid ${light.line}"><dt class="soft" style="${box};width:38%;padding-right:12px;color:${light.soft}">${name}</dt><dd class="ink" style="${box};width:62%;color:${light.ink};overflow-wrap:anywhere">${value}</dd></div>`;
}
