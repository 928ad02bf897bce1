/** What the control pages of Venice's two stand-ins share: their looks, and forms that speak JSON. */
import { raw } from "hono/html";

export const STYLE = raw(`
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
export const SCRIPT = raw(`
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
