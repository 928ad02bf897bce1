/** Fires what netlify.toml schedules, as the platform does in production and `netlify dev` doesn't; and the game's job. */
import { Cron } from "croner";
import { HOUR_MS } from "../lib/clock.ts";
import type { Airtable } from "./airtable/start.ts";
import type { Project } from "./project.ts";
import type { Upstash } from "./upstash/start.ts";

export type Job = {
  readonly name: string;
  /** Five fields, or six with seconds in front; UTC. */
  readonly cron: string;
  readonly about: string;
  /** @param next when it is due again. */
  run(next: Date | null): Promise<{ readonly ok: boolean; readonly said: string }>;
};

export type Firing = { readonly at: Date; readonly ms: number; readonly ok: boolean; readonly said: string };

export type Schedules = {
  list(): { readonly job: Job; readonly next: Date | null; readonly last: Firing | undefined }[];
  /** Fires a job now; undefined for an unknown name. Never throws: what went wrong is what it said. */
  fire(name: string): Promise<Firing | undefined>;
  /** Time was moved on: what came due on the way is fired once; what is due within the hour comes by itself soon. */
  passOver(from: Date, to: Date): Promise<void>;
  /** Lets the clock fire the jobs, too. */
  start(): void;
  close(): void;
};

/** The platform gives a scheduled function 30 seconds. */
const TIMEOUT_MS = 35_000;

/** Each `[functions."name"] schedule` of netlify.toml. */
export function functionJobs(project: Project, siteUrl: string): Job[] {
  return project.schedules.map(({ functionName, cron }) => ({
    name: functionName,
    cron,
    about: `The function ${functionName}, as netlify.toml schedules it.`,
    async run(next) {
      const response = await fetch(`${siteUrl}/.netlify/functions/${functionName}`, {
        method: "POST",
        // What the platform's scheduler calls itself: without it the answer is a lecture on schedules.
        headers: { "content-type": "application/json", "user-agent": "Netlify Clockwork" },
        body: JSON.stringify({ next_run: (next ?? new Date()).toISOString() }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      // A scheduled function's own answer goes nowhere, as in production; a status of 500 and more is told in words.
      const words = (await response.text()).trim();
      return { ok: response.ok && !words.includes("returned a status code"), said: words || "done" };
    },
  }));
}

/** Venice executes stratagems three times a day; here each minute, half a minute after the deliveries. */
export function gameJob(airtable: Airtable): Job {
  return {
    name: "venice-game",
    cron: "30 * * * * *",
    about: "The game executes the stratagems that are active: three times a day in Venice, each minute here.",
    async run() {
      const { outcomes, stopped } = await airtable.runGame();
      const counts = Object.entries(Object.groupBy(outcomes, ({ outcome }) => outcome));
      const said = counts.map(([outcome, some]) => `${some.length} ${outcome}`).join(", ");
      return { ok: !stopped, said: said || "nothing to execute" };
    },
  };
}

/** In production somebody else writes how the town is; here it wanders slowly about what it was when the rate opened. */
export function townJob(upstash: Upstash, clock: () => Date = () => new Date()): Job {
  return {
    name: "town-stats",
    cron: "*/5 * * * *",
    about: "Writes the level and coherence of the town to Redis, from which update-rate reads them.",
    async run() {
      const now = clock();
      const hours = now.getTime() / 3_600_000;
      const level = (5 + 0.7 * Math.sin(hours / 19) + 0.3 * Math.sin(hours / 5)).toFixed(3);
      const coherence = (50 + 9 * Math.sin(hours / 31)).toFixed(2);
      await upstash.run([
        ...(["hset", "consciousness:stats"] as const),
        ...["avg_level", level, "coherence", coherence, "updated_at", now.toISOString()],
      ]);
      return { ok: true, said: `level ${level}, coherence ${coherence}` };
    },
  };
}

/** @param onFailure told of each firing by the clock that did not go well. */
export function createSchedules(
  jobs: readonly Job[],
  onFailure: (name: string, firing: Firing) => void,
): Schedules {
  const last = new Map<string, Firing>();
  let closed = false;
  // A run that takes longer than its period is not overtaken by the next one, as little as it would help.
  const timers = new Map(
    jobs.map((job) => {
      const options = { timezone: "UTC", paused: true, protect: true };
      return [job.name, new Cron(job.cron, options, () => fireByClock(job))];
    }),
  );

  async function fire(job: Job): Promise<Firing> {
    const at = new Date();
    const outcome = await job.run(timers.get(job.name)?.nextRun() ?? null).catch((error: unknown) => ({
      ok: false,
      said: error instanceof Error ? error.message : String(error),
    }));
    const firing = { at, ms: Date.now() - at.getTime(), ...outcome };
    last.set(job.name, firing);
    return firing;
  }

  async function fireByClock(job: Job): Promise<void> {
    const firing = await fire(job);
    if (!firing.ok && !closed) onFailure(job.name, firing);
  }

  return {
    list: () =>
      jobs.map((job) => ({ job, next: timers.get(job.name)?.nextRun() ?? null, last: last.get(job.name) })),
    async fire(name) {
      const job = jobs.find((each) => each.name === name);
      return job && (await fire(job));
    },
    async passOver(from, to) {
      const due = jobs.filter(({ name }) => {
        const [first, second] = timers.get(name)?.nextRuns(2, from) ?? [];
        return first && second && first <= to && second.getTime() - first.getTime() >= HOUR_MS;
      });
      await Promise.all(due.map(fireByClock));
    },
    start() {
      for (const timer of timers.values()) timer.resume();
    },
    close() {
      closed = true;
      for (const timer of timers.values()) timer.stop();
    },
  };
}
