/** The look shared by the hosted pages and the control page: one narrow palette, light and dark, no script. */
import { raw } from "hono/html";

export const style = raw(`
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f5f2, #14151a);
  --panel: light-dark(#ffffff, #1d1f26);
  --ink: light-dark(#1c1d22, #ecebe6);
  --soft: light-dark(#5c5e68, #a9abb6);
  --line: light-dark(#dcdad3, #353844);
  --accent: light-dark(#1f5f5b, #6fc3b8);
  --on-accent: light-dark(#ffffff, #10211f);
  --bad: light-dark(#a2231d, #ff9a90);
  --bad-ground: light-dark(#fbeceb, #3a1f1f);
  --good: light-dark(#1d6b3a, #86d5a0);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
a { color: var(--accent); }
h1 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.badge { display: inline-block; padding: .1rem .55rem; border: 1px solid var(--line); border-radius: 1rem;
  font-size: .8rem; color: var(--soft); }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 14px; padding: 1.5rem; }
.soft { color: var(--soft); }
.alert { border-radius: 10px; padding: .75rem 1rem; background: var(--bad-ground); color: var(--bad); margin: 0 0 1.25rem; }
button, .button { font: inherit; font-weight: 600; border-radius: 10px; padding: .7rem 1rem; cursor: pointer;
  border: 1px solid var(--line); background: transparent; color: var(--ink); text-decoration: none; display: inline-block; }
button.first, .button.first { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
input[type=text], input[type=email], input[type=number], select { width: 100%; font: inherit; color: inherit;
  background: var(--ground); border: 1px solid var(--line); border-radius: 10px; padding: .65rem .8rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
`);
