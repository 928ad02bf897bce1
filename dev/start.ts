/** What `netlify dev` runs: Vite for the site and, unless `npm start` has them already, the stand-ins and schedules. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createServer, type ViteDevServer } from "vite";
import { startBackstage, type Backstage } from "./backstage.ts";
import { assertSeenByFunctions, BadChoice, chooseEnvironment, readGiven, type Given } from "./environment.ts";
import { siteAnswers } from "./netlify.ts";
import { PortBusy } from "./ports.ts";
import { CONTROL_PORT, keptFolder, projectFolder, readProject } from "./project.ts";
import { endWith } from "./shutdown.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      /** Vite's port; `[dev] targetPort` without it. */
      port: { type: "string" },
      /** The stand-ins are somebody else's. */
      "site-only": { type: "boolean", default: false },
      /** Keeps the database between runs. */
      keep: { type: "boolean", default: false },
    },
  });
  const project = readProject();
  const giveUp = new AbortController();
  const running: { booting?: Promise<Backstage>; vite?: ViteDevServer } = {};
  const close = async (): Promise<void> => {
    giveUp.abort();
    await running.vite?.close();
    // Half booted, it is waited for: a boot that fails has cleaned up by itself.
    const booted = await running.booting?.catch(() => undefined);
    await booted?.close();
  };
  endWith(close, { withParent: true });

  if (!values["site-only"]) {
    if (!process.env["NETLIFY_DEV"])
      throw new BadChoice("This is what netlify dev runs: start it by npm start.");
    const given = { ...project.devVariables, ...readGiven(projectFolder, readShellOfParent()) };
    const environment = chooseEnvironment(given, project.devVariables);
    assertSeenByFunctions(environment, given);
    running.booting = startBackstage({
      project,
      environment,
      siteUrl: `http://localhost:${project.sitePort}`,
      controlPort: CONTROL_PORT,
      keepIn: values.keep ? keptFolder : undefined,
    });
  }
  const backstage = await running.booting;
  const port = Number(values.port ?? project.vitePort);
  const vite = await createServer({
    configFile: join(projectFolder, "site", "vite.config.ts"),
    server: { port, strictPort: true, host: "127.0.0.1" },
    clearScreen: false,
    logLevel: "warn",
  });
  running.vite = vite;
  await vite.listen();
  // Vite has brought a signal handler of its own.
  endWith(close, { withParent: true });
  if (backstage && (await siteAnswers(backstage.siteUrl, giveUp.signal))) backstage.open();
}

/**
 * The variables `netlify dev` itself was started with. Functions see them before netlify.toml's, but this command sees
 * netlify.toml's in their place. Only Linux tells; elsewhere a service of your own belongs in .env, or use `npm start`.
 */
function readShellOfParent(): Given {
  const path = `/proc/${process.ppid}/environ`;
  if (!existsSync(path)) return {};
  const pairs = readFileSync(path, "utf8").split("\0").filter(Boolean);
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}

try {
  await main();
} catch (error) {
  console.error(error instanceof BadChoice || error instanceof PortBusy ? error.message : error);
  process.exit(1);
}
