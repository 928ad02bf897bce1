/** Stubs that stand for the functions in `netlify dev`: each imports its function's source, so that nothing is bundled. */
import { mkdirSync, readdirSync, renameSync, rmSync, watch, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { projectFolder } from "./project.ts";

const sources = join(projectFolder, "netlify", "functions");
const clock = pathToFileURL(join(projectFolder, "dev", "functions-clock.ts")).href;

/**
 * Bundling the functions takes `netlify dev` two seconds for each of them, at the start and after every change of lib/. It runs each
 * call in a new worker, and Node takes TypeScript as it is: a stub is read in no time and always calls what was saved last.
 * A function's time is what it is for Stripe's stand-in. The platform's own bundling is checked by the build and by `npm start -- --bundled`.
 * @returns keeps the folder of stubs in step with netlify/functions until it is called.
 */
export function writeFunctionStubs(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const follow = (): void => {
    const names = readdirSync(sources).filter((name) => name.endsWith(".ts"));
    const stubs = new Set(names.map((name) => `${basename(name, ".ts")}.mjs`));
    for (const known of readdirSync(folder))
      if (!stubs.has(known)) rmSync(join(folder, known), { recursive: true });
    for (const name of names) write(folder, name);
  };
  follow();
  const watcher = watch(sources, (event) => {
    if (event === "rename") follow();
  });
  return () => {
    watcher.close();
  };
}

function write(folder: string, name: string): void {
  const stub = join(folder, `${basename(name, ".ts")}.mjs`);
  const source = pathToFileURL(join(sources, name)).href;
  // Written aside and renamed: `netlify dev` watches, and half a file would end it.
  writeFileSync(
    `${stub}.new`,
    `import "${clock}";\nexport { default } from "${source}";\nexport const config = { nodeBundler: "none" };\n`,
  );
  renameSync(`${stub}.new`, stub);
}
