/** The whole stack under the real `netlify dev`, on free ports, thrown away afterwards. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { chooseEnvironment, withFreePorts } from "../../dev/environment.ts";
import { writeFunctionStubs } from "../../dev/functions.ts";
import { siteAnswers, startNetlify } from "../../dev/netlify.ts";
import { freePort } from "../../dev/ports.ts";
import { keptFolder, readProject } from "../../dev/project.ts";
import { functionJobs, type Job } from "../../dev/schedules.ts";
import { startStack, type Stack } from "../../dev/stack.ts";

const bootMs = 60_000;

export type Site = {
  readonly url: string;
  readonly stack: Stack;
  /** What netlify dev and the functions have said. */
  readonly words: readonly string[];
  /** Fires a scheduled function as the platform does. */
  fire(name: string): Promise<void>;
  close(): Promise<void>;
};

/** A port that was free when it was chosen may be another test's when it is opened: then others are chosen. */
async function startOnFreePorts(siteUrl: string, tries = 3) {
  const environment = chooseEnvironment({}, await withFreePorts(readProject().devVariables));
  try {
    return { environment, stack: await startStack({ environment, siteUrl }) };
  } catch (error) {
    if (tries <= 1) throw error;
    return await startOnFreePorts(siteUrl, tries - 1);
  }
}

export async function startSite(): Promise<Site> {
  const [sitePort, vitePort] = [await freePort(), await freePort()];
  const url = `http://localhost:${sitePort}`;
  const { environment, stack } = await startOnFreePorts(url);
  await mkdir(keptFolder, { recursive: true });
  const folder = await mkdtemp(join(keptFolder, "functions-"));
  const stopFollowing = writeFunctionStubs(folder);
  const words: string[] = [];
  const netlify = startNetlify({
    variables: environment.variables,
    ...{ sitePort, vitePort, functions: folder },
    onLine: (line) => void words.push(line),
  });
  if (!(await siteAnswers(url, AbortSignal.timeout(bootMs))))
    throw new Error(`netlify dev did not come up: ${words.slice(-10).join("\n")}`);
  const jobs = new Map<string, Job>(functionJobs(readProject(), url).map((job) => [job.name, job]));
  return {
    url,
    stack,
    words,
    async fire(name) {
      // The game has just used its share of Airtable: its second passes at once.
      stack.airtable?.resetLimit();
      const fired = await jobs.get(name)?.run(null);
      if (!fired?.ok) throw new Error(`${name}: ${fired?.said ?? "is not scheduled"}`);
    },
    async close() {
      stopFollowing();
      await Promise.all([netlify.stop(), stack.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
