/** `npm start`: the stand-ins in this process, and the real `netlify dev` beside them, started again when it dies. */
import { execFile } from "node:child_process";
import { existsSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { BadEnvironment } from "../lib/env.ts";
import { startBackstage, type Backstage } from "./backstage.ts";
import { BadChoice, chooseEnvironment, readGiven, serviceNames } from "./environment.ts";
import { writeFunctionStubs } from "./functions.ts";
import { siteAnswers, startNetlify, worthShowing, type Netlify } from "./netlify.ts";
import { assertPortsFree, PortBusy } from "./ports.ts";
import { CONTROL_PORT, keptFolder, projectFolder, readProject } from "./project.ts";
import { endWith } from "./shutdown.ts";

/** More deaths than this within the period are no accident. */
const DEATHS_ALLOWED = 5;
const DEATHS_PERIOD_MS = 60_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      /** Keeps the database in .cascade between runs. */
      keep: { type: "boolean", default: false },
      /** Bundles the functions as Netlify does: slow to start, and closest to what is deployed. */
      bundled: { type: "boolean", default: false },
      /** Shows every line of netlify dev. */
      verbose: { type: "boolean", default: false },
    },
  });
  const project = readProject();
  const environment = chooseEnvironment(readGiven(projectFolder, process.env), project.devVariables);
  await ensureRepository();
  await assertPortsFree({ "the site": project.sitePort, Vite: project.vitePort });

  const ending = new AbortController();
  const isEnding = () => ending.signal.aborted;
  const running: { booting?: Promise<Backstage>; netlify?: Netlify } = {};
  const closeBackstage = async (): Promise<void> => {
    // Half booted, it is waited for: a boot that fails has cleaned up by itself.
    const booted = await running.booting?.catch(() => undefined);
    await booted?.close();
  };
  const close = async (): Promise<void> => {
    ending.abort();
    await Promise.all([running.netlify?.stop(), closeBackstage()]);
  };
  endWith(close, { withParent: false });
  console.log("Starting the stand-ins and netlify dev …");
  running.booting = startBackstage({
    project,
    environment,
    siteUrl: `http://localhost:${project.sitePort}`,
    controlPort: CONTROL_PORT,
    keepIn: values.keep ? keptFolder : undefined,
  });
  const backstage = await running.booting;
  for (const name of serviceNames)
    if (!environment.standIns.has(name))
      console.log(`  ${name}: your own. Nothing is migrated or set up there by this.`);

  const functions = values.bundled ? undefined : join(keptFolder, "functions");
  if (functions !== undefined) writeFunctionStubs(functions);

  const deaths: number[] = [];
  let opened = false;
  while (!isEnding()) {
    const netlify = startNetlify({
      variables: environment.variables,
      sitePort: project.sitePort,
      vitePort: project.vitePort,
      functions,
      onLine: (line) => {
        // What fails while all is being ended means nothing.
        if (isEnding()) return;
        const shown = values.verbose ? line : worthShowing(line);
        if (shown !== undefined) console.log(shown);
      },
    });
    running.netlify = netlify;
    const died = new AbortController();
    void netlify.ended.then(() => {
      died.abort();
    });
    const answered = await siteAnswers(backstage.siteUrl, died.signal);
    if (answered && !opened) {
      backstage.open();
      opened = true;
    } else if (answered) console.log("netlify dev is back.");
    await netlify.ended;
    if (isEnding()) return;
    await afterDeath(answered, deaths, ending.signal);
  }
}

/** Says what happened, and waits for a change where starting again at once would only end the same way. */
async function afterDeath(hadAnswered: boolean, deaths: number[], signal: AbortSignal): Promise<void> {
  const now = Date.now();
  deaths.push(now);
  const recent = deaths.filter((at) => now - at < DEATHS_PERIOD_MS);
  const why = "netlify dev has ended, as it does for a syntax error in a function or a body over 6 MB";
  if (hadAnswered && recent.length <= DEATHS_ALLOWED) {
    console.error(`${why}. It is started again; the stand-ins and their data stay.`);
    return;
  }
  console.error(`${why}. It is started again when you save a file of netlify/ or lib/.`);
  await nextSave(["netlify", "lib", "netlify.toml"], signal);
}

function nextSave(paths: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = new AbortController();
    const finish = (): void => {
      done.abort();
      resolve();
    };
    signal.addEventListener("abort", finish, { once: true, signal: done.signal });
    for (const path of paths)
      watch(join(projectFolder, path), { recursive: true, signal: done.signal }, finish);
  });
}

/** Without a repository around it `netlify dev` takes the parent folder for the project and finds no function. */
async function ensureRepository(): Promise<void> {
  for (let folder = projectFolder; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return;
    if (folder === dirname(folder)) break;
  }
  try {
    await promisify(execFile)("git", ["init", "--quiet"], { cwd: projectFolder });
  } catch {
    throw new BadChoice(
      "netlify dev needs a git repository, and git init did not work here: install git, then run it once.",
    );
  }
  console.log("Made this folder a git repository (git init): netlify dev needs one.");
}

try {
  await main();
} catch (error) {
  const plain = error instanceof BadChoice || error instanceof BadEnvironment || error instanceof PortBusy;
  console.error(plain ? error.message : error);
  process.exit(1);
}
