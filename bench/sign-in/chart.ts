/** The result as a bar chart: one SVG, light or dark as its reader's screen is. */
import { machineLine, type Result } from "./result.ts";

const left = 150;
const barLength = 420;
const barHeight = 24;

export function chart(result: Result): string {
  const longest = Math.max(
    ...result.comparisons.flatMap(({ cascade, betterAuth }) => [cascade.perSecond, betterAuth.perSecond]),
  );
  const bar = (y: number, kind: string, name: string, perSecond: number, note = "") => {
    const length = Math.max(1, (perSecond / longest) * barLength).toFixed(1);
    const middle = y + barHeight / 2 + 5;
    return [
      `<text class="name" x="${left - 10}" y="${middle}">${escape(name)}</text>`,
      `<rect class="${kind}" x="${left}" y="${y}" width="${length}" height="${barHeight}" rx="3"/>`,
      `<text x="${(left + Number(length) + 8).toFixed(1)}" y="${middle}">${perSecond.toFixed(1)}${note}</text>`,
    ];
  };
  const groups = result.comparisons.flatMap(({ clients, cascade, betterAuth, ratio }, index) => {
    const top = 76 + index * 104;
    return [
      `<text class="group" x="${left}" y="${top}">${clients} ${clients === 1 ? "client" : "clients at once"}</text>`,
      ...bar(top + 10, "ours", "CASCADE", cascade.perSecond, ` (${ratio.toFixed(2)} ×)`),
      ...bar(top + 40, "theirs", `better-auth ${result.betterAuthVersion}`, betterAuth.perSecond),
    ];
  });
  const height = 76 + result.comparisons.length * 104;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 ${height}" role="img" aria-labelledby="title">
  <title id="title">Sign-ins answered per second: CASCADE beside better-auth</title>
  <style>
    svg { background: #ffffff; font: 14px system-ui, sans-serif; }
    text { fill: #1c2430; }
    .heading { font-size: 18px; font-weight: 600; }
    .group { font-weight: 600; }
    .name { text-anchor: end; }
    .small { font-size: 12px; fill: #5a6472; }
    .ours { fill: #0b6e6e; }
    .theirs { fill: #9aa3af; }
    @media (prefers-color-scheme: dark) {
      svg { background: #12171e; }
      text { fill: #e6eaf0; }
      .small { fill: #9aa5b4; }
      .ours { fill: #3fb8b0; }
      .theirs { fill: #66717f; }
    }
  </style>
  <text class="heading" x="20" y="32">Sign-ins answered per second</text>
  ${groups.join("\n  ")}
  <text class="small" x="20" y="${height - 14}">${escape(machineLine(result))}</text>
</svg>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
