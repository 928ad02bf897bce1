/** The real `netlify dev` as a child: its flags, its words, its end with everything it started. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { guard } from "./guard.ts";
import { projectFolder } from "./project.ts";
import type { Variables } from "./environment.ts";

export type NetlifyOptions = {
  readonly variables: Variables;
  readonly sitePort: number;
  readonly vitePort: number;
  /** A folder of stubs; without it the functions are bundled as Netlify bundles them. */
  readonly functions?: string | undefined;
  /** Its output line by line, without colours. */
  readonly onLine: (line: string) => void;
};

export type Netlify = {
  /** Resolves when it has ended, by itself or by `stop`. */
  readonly ended: Promise<{ readonly exitCode: number | null }>;
  /** Ends it and all that it started. */
  stop(): Promise<void>;
};

const binaries = join(projectFolder, "node_modules", ".bin");
const program = join(projectFolder, "node_modules", "netlify-cli", "bin", "run.js");
const GRACE_MS = 5_000;

/** Starts it without waiting for it to answer. The stand-ins are ours already, so its command starts Vite alone. */
export function startNetlify({ variables, sitePort, vitePort, functions, onLine }: NetlifyOptions): Netlify {
  const child = spawn(
    process.execPath,
    [
      ...[program, "dev", "--offline", "--internal-disable-edge-functions", "--no-open", "--skip-gitignore"],
      ...["--port", String(sitePort), "--target-port", String(vitePort)],
      ...(functions === undefined ? [] : ["--functions", functions]),
      ...["--command", `node dev/start.ts --site-only --port ${vitePort}`],
    ],
    {
      cwd: projectFolder,
      // Its own group, so that Ctrl-C reaches us alone and we end the whole group in order.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      // An empty variable of ours must win over netlify.toml and .env files: the process's come first.
      env: {
        ...process.env,
        ...variables,
        PATH: `${binaries}${delimiter}${process.env["PATH"] ?? ""}`,
        NO_UPDATE_NOTIFIER: "1",
      },
    },
  );
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => {
      onLine(stripVTControlCharacters(line).trimEnd());
    });
  const { pid } = child;
  const release = pid === undefined ? () => undefined : guard({ target: -pid, signal: "TERM" });
  const ended = (async () => {
    const [exitCode] = (await once(child, "close")) as [number | null];
    // What it started may outlive it.
    if (pid !== undefined) signalGroup(pid, "SIGTERM");
    release();
    return { exitCode };
  })();
  return {
    ended,
    async stop() {
      if (pid === undefined) return;
      signalGroup(pid, "SIGTERM");
      const timer = setTimeout(() => {
        signalGroup(pid, "SIGKILL");
      }, GRACE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Nobody of the group is left: that is what was wanted.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Whether the site answers before `signal` aborts; any status counts, for functions and files alike. */
export async function siteAnswers(siteUrl: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const answered = await fetch(siteUrl, {
      method: "HEAD",
      signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
    }).then(
      () => true,
      () => false,
    );
    if (answered) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** What `netlify dev` says without telling anything: its banner, its spinners, each request twice. */
const noise = [
  /^\s*$/,
  /^[◈⬥✔⠁-⣿┌│└─╭╰╮╯\s]*$/u,
  /^[◈⬥✔⠁-⣿]\s*(Injected|Injecting|Ignored|Setting up local|Starting #custom|Waiting for|Loaded function|Loading function|Reloading function|Reloaded function|Reloaded with|Rewriting|Rewrote|Functions? server|Using functions|Netlify Dev|Local dev server|Still waiting)/u,
  /dev server ready on port/,
  /^[◈⬥]?\s*(Request from|Response with status)/u,
  /^\s*│.*│$/u,
  /Local dev server ready|Edge functions are disabled|DeprecationWarning|trace-deprecation/,
];

/** A line worth showing, or undefined. A function's own log line is put shortly. */
export function worthShowing(line: string): string | undefined {
  if (noise.some((pattern) => pattern.test(line))) return undefined;
  return shortRequest(line) ?? line;
}

function shortRequest(line: string): string | undefined {
  if (!/^\{.*"requestId":/.test(line)) return undefined;
  try {
    const {
      method,
      function: name,
      status,
      outcome,
      ms,
      error,
    } = JSON.parse(line) as Record<string, string | number>;
    return `  ${method} ${name} ${status} ${outcome}, ${ms} ms${error === undefined ? "" : `: ${error}`}`;
  } catch {
    return undefined;
  }
}
